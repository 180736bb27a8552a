import {
  type Credential,
  checkCredential,
  credentialFromHeader,
  credentialToHeader,
  type Membership,
  Refusal,
} from '../admission/index.ts'
import { limits } from '../limits.ts'
import type { Link, LinkStream } from '../links/index.ts'
import { asCount, asMap, asText, FrameReader, type HeaderValue, writeFrame } from '../wire/index.ts'

/** Version of the frames between peers; both say theirs, and refuse another. */
export const meshVersion = 1

/** Frames of whom we do not know yet. */
const GREETING_BYTES_MAX = 64 * 1024

/** What both sides of a new link say first. */
export interface Hello {
  readonly meshId: string
  readonly incarnation: number
  readonly credential: Credential
  /** Names this side of the session, and what it remembers of the other's. */
  readonly half: string
  readonly yours: string
  /** The last frame of the other side that was taken. */
  readonly have: number
  readonly info: HeaderValue
}

/** The other side, admitted. */
export interface Greeted {
  readonly stream: LinkStream
  readonly reader: FrameReader
  readonly hello: Hello
  /** What this side has said. */
  readonly said: Hello
  readonly membership: Membership
}

/** What a greeting needs of its node. */
export interface Greeter {
  readonly release: string
  readonly meshId: string
  hello(peerId: string): Hello
  revoked(serial: string): boolean
  /** A new credential for a member whose own has run out; undefined where this peer may not issue. */
  renew(membership: Membership): Credential | undefined
  /** The other side has renewed ours. */
  renewed(credential: Credential): void
  /** Answers somebody who comes with a ticket. */
  join(peerId: string, request: { [key: string]: HeaderValue | undefined }): HeaderValue
  /** Why a link to an admitted peer is not wanted (there is one already), or undefined. */
  unwanted(peerId: string, hello: Hello, outbound: boolean): string | undefined
}

/** Reads frames one after the other, before a session takes the stream over. */
class GreetingReader {
  readonly reader = new FrameReader(GREETING_BYTES_MAX)
  readonly #stream: LinkStream

  constructor(stream: LinkStream) {
    this.#stream = stream
  }

  /** What follows the frame that is taken here stays in `reader`, for the session. */
  async next(): Promise<{ [key: string]: HeaderValue | undefined }> {
    let found: HeaderValue | undefined
    const take = (header: HeaderValue): string => {
      found = header
      return 'stop'
    }
    this.reader.chunk(new Uint8Array(0), take)
    while (found === undefined) {
      const chunk = await this.#stream.read()
      if (chunk === null) throw new Error('the other side ended the connection')
      this.reader.chunk(chunk, take)
    }
    return asMap(found, 'a header')
  }
}

/**
 * Both sides prove that they belong to this mesh before anything else is read, within 2 s (protocols §6). The link itself
 * has proved the PeerIds. Throws Refusal, or an Error for people; then the link is to be closed.
 */
export async function greet(link: Link, greeter: Greeter): Promise<Greeted | 'joined'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Refusal('no-credential', `no proof of membership within ${limits.admissionMs} ms`)),
      limits.admissionMs,
    )
  })
  const greeting = exchange(link, greeter)
  greeting.catch(() => undefined)
  try {
    return await Promise.race([greeting, late])
  } finally {
    clearTimeout(timer)
  }
}

async function exchange(link: Link, greeter: Greeter): Promise<Greeted | 'joined'> {
  const stream = link.outbound ? await link.open() : await link.accept()
  const frames = new GreetingReader(stream)
  let said: Hello | undefined
  const sayHello = async (): Promise<Hello> => {
    const own = greeter.hello(link.peerId)
    await stream.write(writeFrame(helloToHeader(own, greeter.release)))
    return own
  }
  // Who is dialled says nothing before the other side has said who it is.
  if (link.outbound) said = await sayHello()
  const first = await frames.next()
  if (first.t === 'refused') throw refusalOf(first)
  if (first.t === 'join' && !link.outbound) {
    await stream.write(writeFrame(greeter.join(link.peerId, first)))
    await stream.end()
    return 'joined'
  }
  let hello: Hello
  let membership: Membership
  let renewal: Credential | undefined
  try {
    ;({ hello, membership } = readHello(first, link.peerId, greeter))
    if (membership.renewalOnly) {
      renewal = greeter.renew(membership)
      if (!renewal)
        throw new Refusal('expired', 'its credential has expired, and the peer that it asked may issue no other')
    }
    const unwanted = greeter.unwanted(link.peerId, hello, link.outbound)
    if (unwanted !== undefined) throw new UnwantedLink(unwanted)
  } catch (error) {
    const reason = error instanceof Refusal ? error.reason : error instanceof UnwantedLink ? 'unwanted' : 'garbage'
    await stream.write(writeFrame({ t: 'refused', reason, message: (error as Error).message.slice(0, 900) }))
    throw error
  }
  said ??= await sayHello()
  await stream.write(writeFrame({ t: 'ready', credential: renewal && credentialToHeader(renewal) }))
  const second = await frames.next()
  if (second.t === 'refused') throw refusalOf(second)
  if (second.t !== 'ready') throw new Error('the other side says something before it is ready')
  if (second.credential) greeter.renewed(credentialFromHeader(second.credential))
  return { stream, reader: frames.reader, hello, said, membership }
}

/** The other side has a link to us already, or is about to have one. */
export class UnwantedLink extends Error {}

function refusalOf(map: { [key: string]: HeaderValue | undefined }): Error {
  const message = asText(map.message, 'message', 1000)
  if (map.reason === 'unwanted') return new UnwantedLink(message)
  return new Refusal(asText(map.reason, 'reason', 32) as Refusal['reason'], message)
}

function helloToHeader(hello: Hello, release: string): HeaderValue {
  const { meshId, incarnation, credential, half, yours, have, info } = hello
  return {
    t: 'hello',
    v: meshVersion,
    release,
    mesh: meshId,
    inc: incarnation,
    cred: credentialToHeader(credential),
    half,
    yours,
    have,
    info,
  }
}

function readHello(
  map: { [key: string]: HeaderValue | undefined },
  peerId: string,
  greeter: Greeter,
): { hello: Hello; membership: Membership } {
  if (map.t !== 'hello') throw new Refusal('no-credential', 'the first frame is no hello')
  if (map.v !== meshVersion) {
    throw new Error(
      `it speaks version ${String(map.v)} of the mesh's protocol (shoal ${String(map.release)}), this peer ${meshVersion} (shoal ${greeter.release}): install the same release on both`,
    )
  }
  const credential = credentialFromHeader(map.cred)
  const membership = checkCredential(credential, {
    meshId: greeter.meshId,
    peerId,
    nowMs: Date.now(),
    revoked: serial => greeter.revoked(serial),
  })
  const hello: Hello = {
    meshId: asText(map.mesh, 'mesh', 64),
    incarnation: asCount(map.inc, 'incarnation'),
    credential,
    half: asText(map.half, 'half', 64),
    yours: asText(map.yours, 'yours', 64),
    have: asCount(map.have, 'have'),
    info: map.info ?? null,
  }
  return { hello, membership }
}
