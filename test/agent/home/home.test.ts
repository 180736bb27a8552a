import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import {
  type Home,
  HomeError,
  homeAt,
  LogFile,
  loadMembership,
  loadPeerIdentity,
  nextIncarnation,
  prepareHome,
  readLog,
  takeAgentLock,
} from '../../../agent/home/index.ts'

function temporaryHome(): Home {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-home-test-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const home = homeAt(join(dir, 'deep', 'home'))
  prepareHome(home)
  return home
}

function failsOn(file: string, what: RegExp, run: () => unknown): void {
  try {
    run()
    t.equal('nothing thrown', `an error that names ${file}`)
  } catch (error) {
    t.equal(error instanceof HomeError, true)
    t.match((error as Error).message, file)
    t.match((error as Error).message, what)
  }
}

t.test('a home is private, and its key stays the same', t => {
  const home = temporaryHome()
  const { peerId } = loadPeerIdentity(home)
  t.match(peerId, /^12D3KooW/)
  t.equal(loadPeerIdentity(home).peerId, peerId)
  t.equal(statSync(home.dir).mode & 0o777, 0o700)
  t.equal(statSync(home.keyFile).mode & 0o777, 0o600)
  const identity = loadPeerIdentity(home)
  t.equal(loadMembership(home, identity).meshId, loadMembership(home, identity).meshId)
  t.end()
})

t.test('incarnations only grow, whatever the clock does', t => {
  const home = temporaryHome()
  t.equal(nextIncarnation(home, 5000), 5000)
  t.equal(nextIncarnation(home, 4000), 5001)
  t.equal(nextIncarnation(home, 9000.7), 9000)
  t.equal(readFileSync(home.incarnationFile, 'utf8'), '9000\n')
  t.end()
})

t.test('damaged or readable files are named, with what to do', t => {
  const home = temporaryHome()
  loadPeerIdentity(home)
  chmodSync(home.keyFile, 0o644)
  failsOn(home.keyFile, /chmod 600/, () => loadPeerIdentity(home))
  chmodSync(home.keyFile, 0o600)
  writeFileSync(home.keyFile, 'no key')
  failsOn(home.keyFile, /restore it from a backup/, () => loadPeerIdentity(home))
  rmSync(home.keyFile)
  const identity = loadPeerIdentity(home)
  loadMembership(home, identity)
  writeFileSync(home.meshFile, '{"meshId":"x"}')
  failsOn(home.meshFile, /damaged/, () => loadMembership(home, identity))
  writeFileSync(home.incarnationFile, 'soon')
  failsOn(home.incarnationFile, /no incarnation number/, () => nextIncarnation(home))
  t.end()
})

t.test('a folder that others may write in is no home', t => {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-home-test-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  writeFileSync(join(dir, 'something'), '')
  chmodSync(dir, 0o777)
  failsOn(dir, /chmod 700/, () => prepareHome(homeAt(dir)))
  failsOn(join(dir, 'something'), /is a file/, () => prepareHome(homeAt(join(dir, 'something'))))
  t.end()
})

t.test('one agent a home', t => {
  const home = temporaryHome()
  const lock = takeAgentLock(home.lockDir)
  if ('heldBy' in lock) throw new Error('the lock of a new home is held')
  t.same(takeAgentLock(home.lockDir), { heldBy: process.pid })
  lock.release()
  const again = takeAgentLock(home.lockDir)
  t.equal('heldBy' in again, false)
  if (!('heldBy' in again)) again.release()
  t.end()
})

t.test('a log is bounded, and keeps the newest, also where more comes than the disk takes', async t => {
  const { logFile, dir } = temporaryHome()
  const log = new LogFile(logFile, { fileBytesMax: 10_000, filesMax: 5, queueBytesMax: 5000 })
  for (let i = 0; i < 20_000; i++) {
    log.write(`entry ${i}`)
    if (i % 50 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  for (let i = 20_000; i < 30_000; i++) log.write(`entry ${i}`)
  await log.close()
  const entries = await readLog(logFile, 100, () => true)
  t.match(entries.at(-1)?.text, /^entry 29999$/)
  t.match((await readLog(logFile, 1, ({ text }) => text.includes('dropped'))).length, 1, 'it says what is missing')
  const folder = join(dir, 'logs')
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  t.ok(bytes <= 5 * 16_000, `${bytes} bytes`)
})
