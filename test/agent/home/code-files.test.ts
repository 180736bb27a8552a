import { createHash } from 'node:crypto'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CodeFiles } from '../../../agent/home/index.ts'
import { Codes } from '../../../agent/peer/codes.ts'

const bytes = Buffer.from('export default class {}')
const hash = createHash('sha256').update(bytes).digest('hex')

t.test('code that is kept is there for the next one, and goes when it is needed no more', async t => {
  const dir = join(t.testdir(), 'code')
  const before = new Codes(new CodeFiles(dir))
  t.equal(await before.keep(hash, 1), false, 'it is not here')
  before.add(hash, bytes, 2)
  t.equal(await before.keep(hash, 1), true)
  before.detach(2)
  t.same(before.get(hash), bytes)
  t.equal(statSync(join(dir, hash)).mode & 0o777, 0o600)
  t.same(readdirSync(dir), [hash])

  const after = new Codes(new CodeFiles(dir))
  t.same(after.get(hash), bytes)
  t.equal(after.use(hash, 3), true)
  after.letGoUnused(1, one => one === hash, 0)
  t.same(readdirSync(dir), [hash], 'it is needed')
  after.letGoUnused(1, () => false, 60_000)
  t.same(readdirSync(dir), [hash], 'it was needed just now')
  after.letGoUnused(1, () => false, 0)
  t.same(readdirSync(dir), [])
  t.same(after.get(hash), bytes, 'another client uses it')
  after.detach(3)
  t.equal(after.get(hash), undefined)
})

t.test('what was cut off, or is not what its name says, is no code', async t => {
  const dir = t.testdir({ [`${hash}.1.new`]: 'half', [hash]: 'other', note: 'of a user' })
  const codes = new Codes(new CodeFiles(dir))
  t.same(readdirSync(dir).sort(), [hash, 'note'].sort())
  t.equal(codes.get(hash), undefined)
  t.same(readdirSync(dir), ['note'])
  writeFileSync(join(dir, 'note'), '')
  codes.add(hash, bytes, 1)
  t.equal(await codes.keep(hash, 1), true)
  t.same(new CodeFiles(dir).read(hash), bytes)
})
