/** Of this page, and of the platform: a release has one version for all its parts. */
declare const __VERSION__: string
