/** The trainer that tries a model, by the name of the one that has trained it. */
export function trainerOf(trainer: string): string {
  return `${trainer}-predict`
}
