import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Client } from '../../../agent/core/index.ts'
import { PeerActors } from '../../../agent/peer/actors.ts'
import type { NamedActors } from '../../../agent/peer/named-actors.ts'
import type { PeerParts } from '../../../agent/peer/parts.ts'

/** A handle at slot 0 of an actor that peer 7 owns. What is asked of that peer waits for its `answer`. */
function handleOf() {
  const owner = {
    rows: { number: [5], client: [1], token: () => 0 },
    objects: { isForeign: () => true },
    actors: { resolve: (row: number) => row },
    peers: { homeOf: () => ({ peer: 7, client: 3 }), get: () => ({ peerId: 'owner' }) },
  }
  const names = { own: { peerId: 'asker' } }
  const named = { claimed: () => undefined, isOwner: () => false } as unknown as NamedActors
  const host = {
    linked: false,
    gone: false,
    asked: [] as { params: unknown; answer: PromiseWithResolvers<unknown> }[],
    ask: (_peer: number, _method: string, params: unknown) => {
      const answer = Promise.withResolvers()
      host.asked.push({ params, answer })
      return answer.promise
    },
    reaches: () => host.linked,
    isGone: () => host.gone,
    stirred: () => undefined,
  }
  const actors = new PeerActors({ owner, names } as unknown as PeerParts, named, host)
  const client = Object.assign(new Client(1, 1, -1), { row: () => 0 })
  const kill = (restart = false) => actors.killByClient({ slot: 0, number: 5, restart }, client)
  return { host, kill }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(5)
}

t.test('the owner of an actor that is killed may be linked a moment later', async t => {
  const { host, kill } = handleOf()
  const killed = kill()
  host.linked = true
  await until(() => host.asked.length === 1)
  t.match(host.asked[0].params, { key: [3, 5], restart: false })
  host.linked = false
  host.asked[0].answer.reject(new Error('that peer is gone'))
  await delay(60)
  host.linked = true
  await until(() => host.asked.length === 2)
  host.asked[1].answer.resolve(null)
  t.equal(await killed, null)
})

t.test('one that is not linked for long may have the actor still, which is said', async t => {
  const { host, kill } = handleOf()
  await t.rejects(kill(), { code: 'SHOAL_CONNECT', message: /the actor may live on: owner/ })
  t.equal(host.asked.length, 0)
})

t.test('one that is gone has no actors left', async t => {
  const { host, kill } = handleOf()
  host.gone = true
  t.equal(await kill(), null)
})

t.test('what may have been restarted is not restarted twice', async t => {
  const { host, kill } = handleOf()
  host.linked = true
  const killed = kill(true)
  await until(() => host.asked.length === 1)
  host.linked = false
  host.asked[0].answer.reject(new Error('that peer is gone'))
  await t.rejects(killed, { code: 'SHOAL_CONNECT' })
  t.equal(host.asked.length, 1)
})
