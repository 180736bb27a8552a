import type { ConnectionEncrypter, MessageStream, SecureConnectionOptions, SecuredConnection } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { lpStream } from '@libp2p/utils'
import { type Credential, credentialFromHeader, credentialToHeader } from '../admission/index.ts'
import { limits } from '../limits.ts'
import { decodeHeader, encodeHeader } from '../wire/index.ts'

/** What proves and checks membership on libp2p's connections. */
export interface Proof {
  credential(): Credential
  /** Throws where a credential does not make this PeerId a member. */
  check(peerId: string, credential: Credential): void
}

const CREDENTIAL_BYTES_MAX = 8192

type NoiseComponents = Parameters<ReturnType<typeof noise>>[0]

/**
 * Noise, and over it, before libp2p reads anything else: both sides' credentials, bound to the PeerIds that Noise has proved
 * (protocols §6). Who is dialled answers only a member.
 */
export function admittingNoise(proof: Proof): (components: NoiseComponents) => ConnectionEncrypter {
  return components => {
    const inner = noise()(components) as ConnectionEncrypter
    return {
      protocol: inner.protocol,
      async secureOutbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
        const secured = await inner.secureOutbound(connection, options)
        return await admitted(secured, async lines => {
          await lines.say(proof.credential())
          proof.check(secured.remotePeer.toString(), await lines.hear())
        })
      },
      async secureInbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
        const secured = await inner.secureInbound(connection, options)
        return await admitted(secured, async lines => {
          proof.check(secured.remotePeer.toString(), await lines.hear())
          await lines.say(proof.credential())
        })
      },
    }
  }
}

interface Lines {
  say(credential: Credential): Promise<void>
  hear(): Promise<Credential>
}

async function admitted(
  secured: SecuredConnection,
  exchange: (lines: Lines) => Promise<void>,
): Promise<SecuredConnection> {
  const stream = lpStream(secured.connection, { maxDataLength: CREDENTIAL_BYTES_MAX })
  const signal = AbortSignal.timeout(limits.admissionMs)
  try {
    await exchange({
      say: credential => stream.write(encodeHeader(credentialToHeader(credential)), { signal }),
      hear: async () => credentialFromHeader(decodeHeader((await stream.read({ signal })).subarray())),
    })
  } catch (error) {
    secured.connection.abort(error as Error)
    throw error
  }
  return { ...secured, connection: stream.unwrap() }
}
