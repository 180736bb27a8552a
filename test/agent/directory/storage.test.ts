import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FileStorage } from '../../../agent/directory/file-storage.ts'

const config = { voters: ['a'], learners: [] }
const stored = {
  generation: { n: 2, by: 'x' },
  hard: { term: 3, vote: 'a' },
  snapshot: { index: 4, term: 2, config, data: 'image' },
  entries: [{ index: 5, term: 3, command: 'five' }],
}

function place(t: { teardown(handler: () => void): unknown }): string {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return join(dir, 'names.log')
}

t.test('what was kept is there again; later entries replace earlier ones', async t => {
  const path = place(t)
  const file = new FileStorage(path, 'mesh')
  t.equal(file.load(), undefined)
  await file.replace(stored)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.match(new FileStorage(path, 'mesh').load(), stored)
  await file.keep({ hard: undefined, snapshot: undefined, entries: [{ index: 6, term: 3, command: 'six' }] })
  file.note(6)
  await file.keep({
    hard: { term: 4, vote: undefined },
    snapshot: undefined,
    entries: [
      { index: 6, term: 4, command: 'other' },
      { index: 7, term: 4, config },
    ],
  })
  const again = new FileStorage(path, 'mesh').load()
  t.same(again?.hard, { term: 4, vote: undefined, commit: 6 })
  t.same(
    again?.entries.map(({ index, term }) => [index, term]),
    [
      [5, 3],
      [6, 4],
      [7, 4],
    ],
  )
  const snapshot = { index: 9, term: 5, config, data: 'later' }
  await file.keep({ hard: undefined, snapshot, entries: [] })
  t.match(new FileStorage(path, 'mesh').load(), { snapshot, entries: [] })
  t.equal(new FileStorage(path, 'other mesh').load(), undefined, 'names of another mesh are none of its own')
  file.close()
})

t.test('a write that a crash cut short is cut off, wherever the cut is; damage is told', async t => {
  const path = place(t)
  const file = new FileStorage(path, 'mesh')
  await file.replace(stored)
  const whole = readFileSync(path)
  await file.keep({ hard: undefined, snapshot: undefined, entries: [{ index: 6, term: 3, command: 'six' }] })
  const more = readFileSync(path)
  for (let cut = whole.length; cut < more.length; cut++) {
    writeFileSync(path, more.subarray(0, cut))
    const { entries } = new FileStorage(path, 'mesh').load() ?? { entries: [] }
    if (entries.length !== 1) t.fail(`cut at ${cut}: ${entries.length} entries`)
    t.same(readFileSync(path), whole)
  }
  const torn = Buffer.from(more)
  torn[more.length - 2] ^= 1
  writeFileSync(path, torn)
  t.equal(new FileStorage(path, 'mesh').load()?.entries.length, 1, 'the last record, half written')
  const damaged = Buffer.from(more)
  damaged[20] ^= 1
  writeFileSync(path, damaged)
  t.throws(() => new FileStorage(path, 'mesh').load(), {
    code: 'SHOAL_HOME',
    message: /names\.log: is damaged at byte 0/,
  })
  appendFileSync(path, '')
  file.close()
})
