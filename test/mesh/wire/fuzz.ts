// Throws random and bent frames at what reads those of other peers: npm run fuzz -- --frames N [--seed N]
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { BatchReader, BatchWriter } from '../../../agent/peer/grants.ts'
import { credentialFromHeader, Refusal, readTicket } from '../../../mesh/admission/index.ts'
import { knownFromHeader } from '../../../mesh/node/index.ts'
import { FrameReader, type HeaderValue, MalformedFrameError, writeFrame } from '../../../mesh/wire/index.ts'
import { randomOf } from '../../sim/cores.ts'

/** Frames such as peers say them; each is bent in the fuzzer. */
function samples(): Uint8Array[] {
  const batch = new BatchWriter()
  batch.task(
    {
      token: 7,
      kind: 1,
      attempt: 0,
      depth: 2,
      client: 3,
      number: 99,
      argumentBytes: 5,
      actor: -1,
      epoch: 0,
      caller: 0,
    },
    new Uint8Array(5),
    0,
  )
  const grant = writeFrame(
    { t: 'grant', n: 1, x: [[0, [[['12D3', 1, 2, 3], 1000, [['12D3', 1, 5]]]], [['12D3', 1, 2, 4]]]] },
    batch.take().slice(),
  )
  batch.answer(
    { token: 7, attempt: 0, flags: 0, startedAt: 1, endedAt: 2, valueBytes: 3, worker: 1 },
    new Uint8Array(3),
    0,
  )
  const done = writeFrame({ t: 'done', n: 1, x: [[0, { e: 'bad', c: [['12D3', 1, 2, 3]] }]] }, batch.take().slice())
  const signed: HeaderValue = [new Uint8Array(100), new Uint8Array(64)]
  return [
    grant,
    done,
    writeFrame({
      t: 'hello',
      v: 1,
      release: '0',
      mesh: 'm',
      inc: 5,
      cred: { root: new Uint8Array(32), chain: [signed], member: signed },
      half: 'h',
      yours: '',
      have: 0,
      info: { a: ['1.2.3.4:5'], i: {} },
    }),
    writeFrame({ t: 'park', f: { cpus: 2, memoryBytes: 1e9 } }),
    writeFrame({ t: 'refs', r: [[1, 2, 3]], s: 1 }),
    writeFrame({ t: 'members', m: [['12D3', ['1.2.3.4:5']]] }),
    writeFrame({ t: 'ack', n: 12345 }),
  ]
}

/** How it went: frames read, refused, and what was neither. */
export function fuzzFrames(
  frames: number,
  seed: number,
): { frames: number; accepted: number; refused: number; wrong: string[] } {
  const random = randomOf(seed)
  const whole = (max: number): number => Math.floor(random() * max)
  const originals = samples()
  let accepted = 0
  let refused = 0
  const wrong: string[] = []
  for (let i = 0; i < frames; i++) {
    let bytes: Uint8Array = originals[whole(originals.length)].slice()
    for (let bends = whole(6); bends > 0; bends--) {
      const how = whole(4)
      if (how === 0) bytes[whole(bytes.length)] = whole(256)
      else if (how === 1) bytes = bytes.subarray(0, whole(bytes.length) + 1)
      else if (how === 2) bytes = Buffer.concat([bytes, Uint8Array.from({ length: whole(40) }, () => whole(256))])
      else bytes = Uint8Array.from({ length: 1 + whole(200) }, () => whole(256))
    }
    try {
      new FrameReader().chunk(bytes, read)
      accepted++
    } catch (error) {
      if (error instanceof MalformedFrameError || error instanceof Refusal) refused++
      else wrong.push(`frame ${i}: ${(error as Error).stack}`)
    }
  }
  return { frames, accepted, refused, wrong: wrong.slice(0, 5) }
}

/** Reads a frame as far as its shape goes. */
function read(header: HeaderValue, payload: Uint8Array): void {
  const map = header as { [key: string]: HeaderValue | undefined } | null
  if (map?.t === 'grant') {
    const reader = new BatchReader(payload)
    reader.task({
      token: 0,
      kind: 0,
      attempt: 0,
      depth: 0,
      client: 0,
      number: 0,
      argumentBytes: 0,
      actor: -1,
      epoch: 0,
      caller: 0,
    })
  } else if (map?.t === 'done') {
    new BatchReader(payload).answer({
      token: 0,
      attempt: 0,
      flags: 0,
      startedAt: 0,
      endedAt: 0,
      valueBytes: 0,
      worker: 0,
    })
  } else if (map?.t === 'hello') credentialFromHeader(map.cred)
  else if (map?.t === 'members') knownFromHeader(map.m)
  else if (typeof map?.t === 'string' && map.t.length > 3) {
    try {
      readTicket(`shoal1${map.t}`)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
    }
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: { frames: { type: 'string', default: '1000000' }, seed: { type: 'string' } },
  })
  const frames = Number(values.frames)
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
  if (!Number.isInteger(frames) || frames < 1 || !Number.isInteger(seed)) {
    process.stderr.write('fuzz: --frames and --seed are whole numbers\n')
    process.exit(2)
  }
  process.stdout.write(`seed ${seed}\n`)
  const step = Math.min(frames, 100_000)
  let accepted = 0
  let refused = 0
  for (let done = 0; done < frames; done += step) {
    const result = fuzzFrames(Math.min(step, frames - done), seed + done)
    accepted += result.accepted
    refused += result.refused
    process.stderr.write(`${Math.min(frames, done + step)} of ${frames} frames\n`)
    if (result.wrong.length > 0) {
      process.stdout.write(`${result.wrong.join('\n')}\n`)
      process.exit(1)
    }
  }
  process.stdout.write(`${accepted} accepted, ${refused} refused, nothing else\n`)
}
