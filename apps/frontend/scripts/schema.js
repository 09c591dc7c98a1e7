// Writes src/api/schema.ts from the backend's OpenAPI document: `npm run api`.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import openapiTS, { astToString } from 'openapi-typescript'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** The types of the backend beside us, as schema.ts should have them. */
export async function generate() {
  const document = execFileSync(
    here('../../backend/.venv/bin/python'),
    ['-W', 'ignore', here('../../../ci/openapi.py')],
    { encoding: 'utf8', env: { ...process.env, PYTHONPATH: here('../../../tests') } },
  )
  const types = await openapiTS(document)
  return `// Made from the backend's OpenAPI document by \`npm run api\`.\n${astToString(types)}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(here('../src/api/schema.ts'), await generate())
}
