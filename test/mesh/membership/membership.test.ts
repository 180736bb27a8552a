import t from 'tap'
import { Membership } from '../../../mesh/membership/index.ts'

/** A membership whose effects are a log; ticks every 250 ms as the node does. */
class Story {
  readonly log: string[] = []
  now = 0
  readonly membership = new Membership({
    probe: peerId => this.log.push(`probe ${peerId}`),
    ask: (helpers, about) => this.log.push(`ask ${helpers.join(' ')} about ${about}`),
    changed: (member, before) => this.log.push(`${member.peerId} is ${member.state}${before ? `, was ${before}` : ''}`),
  })

  constructor(...peers: string[]) {
    for (const peer of peers) this.membership.met(peer, 1, 0)
    this.membership.reachable = peers
    this.log.length = 0
  }

  /** Lets time pass; those named are heard of all along. */
  pass(ms: number, ...heard: string[]): void {
    for (const until = this.now + ms; this.now < until; ) {
      this.now += 250
      for (const peer of heard) this.membership.heard(peer, this.now)
      this.membership.tick(this.now)
    }
  }

  take(): string[] {
    return this.log.splice(0)
  }
}

t.test('a process that is gone: refused, confirmed by another, dead within two seconds', t => {
  const story = new Story('b', 'c')
  story.pass(1250, 'c')
  t.same(story.take(), ['probe b'])
  story.membership.probed('b', true, story.now)
  t.same(story.take(), ['b is suspect, was alive', 'ask c about b'])
  story.membership.indirect('b', 'refused', story.now)
  t.same(story.take(), ['b is dead, was suspect'])
  t.equal(story.now <= 2000, true)
  t.end()
})

t.test('with nobody else to ask it is refused twice', t => {
  const story = new Story('b')
  story.pass(1250)
  story.membership.probed('b', true, story.now)
  t.same(story.take(), ['probe b', 'b is suspect, was alive'])
  story.pass(250)
  t.same(story.take(), ['probe b'])
  story.membership.probed('b', true, story.now)
  t.same(story.take(), ['b is dead, was suspect'])
  t.end()
})

t.test('one that is only silent is suspected, and heard of again', t => {
  const story = new Story('b', 'c')
  story.pass(2000, 'c')
  t.match(story.take().join(), /b is suspect/)
  story.membership.probed('b', false, story.now)
  story.membership.heard('b', story.now)
  t.same(story.take(), ['b is alive, was suspect'])
  t.end()
})

t.test('a black hole is dead after the suspicion', t => {
  const story = new Story('b', 'c')
  let deadAt = -1
  for (; story.now < 10_000 && deadAt < 0; ) {
    story.pass(250, 'c')
    for (const line of story.take()) {
      if (line.startsWith('probe')) story.membership.probed('b', false, story.now)
      if (line.startsWith('b is dead')) deadAt = story.now
    }
  }
  t.equal(deadAt > 2000 && deadAt <= 5000, true, `after ${deadAt} ms`)
  t.end()
})

t.test('others hear it: our own link is at fault, and it has the whole time again', t => {
  const story = new Story('b', 'c')
  story.pass(2500, 'c')
  story.membership.indirect('b', 'alive', story.now)
  const from = story.now
  let deadAt = -1
  while (deadAt < 0 && story.now < 20_000) {
    story.pass(250, 'c')
    for (const line of story.take()) {
      if (line.startsWith('probe')) story.membership.probed('b', false, story.now)
      if (line.startsWith('b is dead')) deadAt = story.now
    }
  }
  t.equal(deadAt - from >= story.membership.suspicionMs() - 250, true)
  t.end()
})

t.test('this peer stood still: it accuses nobody', t => {
  const story = new Story('b', 'c')
  story.pass(1000, 'b', 'c')
  story.now += 30_000
  story.membership.tick(story.now)
  t.same(story.take(), [])
  story.pass(500, 'b', 'c')
  t.same(story.take(), [])
  t.end()
})

t.test('a later start of a peer ends the earlier at once; an earlier one is out of date', t => {
  const story = new Story('b')
  t.equal(story.membership.met('b', 5, 10), true)
  t.same(story.take(), ['b is dead, was alive', 'b is alive, was dead'])
  t.equal(story.membership.met('b', 4, 20), false)
  t.same(story.take(), [])
  t.end()
})

t.test('one that said goodbye is not probed, and may come back', t => {
  const story = new Story('b')
  story.membership.leaves('b', 10)
  story.pass(5000)
  t.same(story.take(), ['b is left, was alive'])
  t.equal(story.membership.met('b', 2, story.now), true)
  t.same(story.take(), ['b is alive, was left'])
  t.end()
})
