// Runs every program of examples/ (the demo aside, which has a script of its own); each checks its own result.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../examples/', import.meta.url))
let failed = 0
const names = readdirSync(folder).filter(name => name.endsWith('.ts') && name !== 'word-count.ts')
for (const name of names.sort()) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [folder + name], {
    encoding: 'utf8',
    env: { ...process.env, SHOAL_ADDRESS: 'local' },
    timeout: 60_000,
  })
  if (status !== 0) failed++
  console.log(`${status === 0 ? 'ok    ' : 'not ok'} examples/${name}${status === 0 ? '' : ` (${signal ?? status})`}`)
  console.log(`${stdout}${stderr}`.replace(/^(?=.)/gm, '       '))
}
console.log(`${names.length - failed} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0
