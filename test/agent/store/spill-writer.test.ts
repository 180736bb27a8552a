import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { SpilledPlace } from '../../../agent/store/spill-messages.ts'
import { readSpilled, SpillWriter } from '../../../agent/store/spill-writer.ts'

const value = (seed: number, bytes: number): Uint8Array => new Uint8Array(bytes).fill(seed)

function writerIn(test: Test, fileBytes = 1000) {
  const root = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  test.teardown(() => rmSync(root, { recursive: true, force: true }))
  const dir = join(root, 'spill')
  const places = new Map<number, SpilledPlace>()
  const writer = new SpillWriter({ dir, fileBytes, moved: (id, place) => places.set(id, place) })
  return {
    dir,
    places,
    writer,
    write: (id: number, bytes: number) => places.set(id, writer.write(id, value(id, bytes))),
    read(id: number): Uint8Array {
      const place = places.get(id) as SpilledPlace
      const into = new Uint8Array(place.bytes)
      readSpilled(place, into)
      return into
    },
    files: () => (existsSync(dir) ? readdirSync(dir) : []),
  }
}

t.test('values lie one behind the other in files of a size, private ones', t => {
  const s = writerIn(t)
  for (let id = 1; id <= 7; id++) s.write(id, 400)
  t.equal(s.files().length, 3, 'three in each')
  for (let id = 1; id <= 7; id++) t.same(s.read(id), value(id, 400))
  t.equal(statSync(s.dir).mode & 0o777, 0o700)
  t.equal(statSync((s.places.get(1) as SpilledPlace).path).mode & 0o777, 0o600)
  t.end()
})

t.test('a file goes with its last value; one that is half empty gives the rest to the current one', t => {
  const s = writerIn(t)
  for (let id = 1; id <= 4; id++) s.write(id, 400)
  const first = (s.places.get(3) as SpilledPlace).path
  s.writer.forget(1)
  t.ok(existsSync(first), 'two thirds are used')
  s.writer.forget(2)
  t.notOk(existsSync(first), 'what was left has moved')
  t.same(s.read(3), value(3, 400))
  for (const id of [3, 4]) s.writer.forget(id)
  t.same(s.files(), [])
  s.writer.forget(4)
  s.write(5, 10)
  t.same(s.read(5), value(5, 10), 'it goes on')
  t.end()
})

t.test('bytes that are not those that were written are found', t => {
  const s = writerIn(t)
  s.write(1, 400)
  s.write(2, 400)
  const { path } = s.places.get(1) as SpilledPlace
  const bytes = readFileSync(path)
  bytes[7] ^= 1
  writeFileSync(path, bytes)
  t.throws(() => s.read(1), { message: /CRC-32 differs/ })
  t.same(s.read(2), value(2, 400), 'the other is whole')
  writeFileSync(path, bytes.subarray(0, 600))
  t.throws(() => s.read(2), { message: /was cut short: 600 bytes of 800/ })
  rmSync(path)
  t.throws(() => s.read(2), { code: 'ENOENT' })
  t.end()
})

t.test('a folder that cannot be made: the error of the disk, and nothing is left of it', t => {
  const s = writerIn(t)
  writeFileSync(s.dir, '')
  t.throws(() => s.write(1, 10), { code: /ENOTDIR|EEXIST/ })
  rmSync(s.dir)
  s.write(2, 10)
  t.same(s.read(2), value(2, 10))
  t.end()
})
