import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { fitted } from '../../../agent/cli/screen.ts'
import { textWidth } from '../../../agent/cli/table.ts'
import type { Terminal } from '../../../agent/cli/terminal.ts'
import type { Snapshot } from '../../../agent/cli/top-snapshot.ts'
import { share, topLines } from '../../../agent/cli/top-text.ts'
import type { PeerInfo } from '../../../wire/state.ts'
import { emptyTaskName, sumTaskNames } from '../../../wire/task-names.ts'

const terminal: Terminal = {
  json: false,
  print: () => undefined,
  printJson: () => undefined,
  note: () => undefined,
  style: (_, text) => text,
}
const resources = { cpus: 4, gpus: 0, memoryBytes: 2 ** 32 }
const available = { ...resources, cpus: 1.5 }

function peer(n: number): PeerInfo {
  return {
    peerId: `12D3KooWpeer${n}`,
    address: [],
    state: 'alive',
    role: 'peer',
    resources,
    available,
    labels: {},
    pid: 1,
    version: '1',
    ageMs: 0,
    store: {
      capacityBytes: 2 ** 30,
      usedBytes: 2 ** 20,
      objects: 3,
      spilledBytes: 0,
      spilledObjects: 0,
      restoredBytes: 0,
      restoredObjects: 0,
    },
  }
}

function snapshot(peers: number, names: number, classes: number): Snapshot {
  return {
    time: 1_760_000_000_000,
    meshId: 'mesh',
    peers: Array.from({ length: peers }, (_, n) => peer(n)),
    resources,
    available,
    waiting: [{ reason: 'waits for cpus\x1b[2J', resources, count: 7 }],
    tasks: { waiting: 1, queued: 2, running: 3, finished: 40, failed: 5, cancelled: 0 },
    actors: { pending: 0, alive: classes, restarting: 0, dead: 0 },
    names: Array.from({ length: names }, (_, n) => ({
      ...emptyTaskName(`task-${n}`),
      running: 1,
      finished: 40,
      failed: 5,
      runs: 45,
      runMs: 450,
      meanMs: n === 0 ? null : 10,
    })),
    classes: Array.from({ length: classes }, (_, n) => ({
      className: `Class${n}`,
      states: { pending: 0, alive: 1, restarting: 0, dead: 0 },
      pendingCalls: 2,
      restarts: 0,
    })),
  }
}

t.test('a snapshot as text: peers, tasks by name, actors by class, rates', t => {
  const one = snapshot(1, 2, 1)
  const earlier = { ...one, time: one.time - 2000, tasks: { ...one.tasks, finished: 20 } }
  const text = topLines(one, earlier, terminal).join('\n')
  t.match(text, /1 peer alive, 2\.5 of 4 CPUs used/)
  t.match(text, /tasks: 3 running, 3 waiting, 45 ended, 10\/s; actors: 1 alive/)
  t.match(text, /PEER .*STATE .*CPUS USED .*STORE USED/)
  t.notMatch(text, /GPUS/, 'nobody has one')
  t.match(text, /peer0 +alive +2\.5 of 4 .*1 MiB of 1 GiB/)
  t.match(text, /task-1 +1 +0 +0 +40 +5 +0 +10 ms/)
  t.match(text, /Class0 +1 +0 +0 +0 +2 +0/)
  t.match(text, 'Waiting: 7 × waits for cpus\\x1b[2J', 'what would steer the terminal is shown')
  t.match(topLines(snapshot(1, 0, 0), undefined, terminal).join('\n'), /TASKS\nnone$/)
  t.end()
})

t.test('whatever there is, it fits the screen, and says how much does not', t => {
  for (const height of [12, 24, 50])
    for (const [peers, names, classes] of [
      [1, 1, 0],
      [100, 1, 1],
      [2, 500, 3],
      [60, 60, 60],
    ]) {
      const lines = topLines(snapshot(peers, names, classes), undefined, terminal, height)
      t.ok(lines.length <= height, `${lines.length} of ${height} lines for ${peers}, ${names}, ${classes}`)
      if (peers + names + classes + 10 > height) t.match(lines.join('\n'), /… \d+ more/)
    }
  t.same(share([1, 100, 10], 30), [1, 19, 10])
  t.end()
})

t.test('a line is cut to the width of the screen, and its style ends with it', t => {
  t.equal(fitted('short', 10), 'short')
  t.equal(fitted('\x1b[31mred and long\x1b[39m', 6), '\x1b[31mred a…\x1b[0m')
  t.equal(textWidth(stripVTControlCharacters(fitted('日本語日本語', 7))), 7)
  t.end()
})

t.test('what several peers say of one name is added', t => {
  const of = (name: string, finished: number) => ({
    ...emptyTaskName(name),
    finished,
    runs: finished,
    runMs: 5 * finished,
  })
  t.match(sumTaskNames([of('a', 1), of('b', 2), of('a', 3)]), [
    { name: 'a', finished: 4, runs: 4, runMs: 20 },
    { name: 'b', finished: 2 },
  ])
  t.end()
})
