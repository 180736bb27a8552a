import type { Server } from 'node:net'
import { type Credential, Refusal, type Role, readTicket } from '../mesh/admission/index.ts'
import { meshLimits } from '../mesh/index.ts'
import { QuicTransport } from '../mesh/links/index.ts'
import { redeemTicket } from '../mesh/node/index.ts'
import { FileStorage, NameDirectory } from './directory/index.ts'
import {
  type AgentLock,
  type AgentRecord,
  agentSocketPath,
  CodeFiles,
  findAgent,
  type Home,
  homeAt,
  isAloneInMesh,
  listenPrivately,
  loadMembership,
  loadPeerIdentity,
  nextIncarnation,
  readMeshId,
  readRemembered,
  removeAgentTraces,
  removeSpilled,
  saveCredential,
  saveMembership,
  takeAgentLock,
  ticketFile,
  writeAgentRecord,
  writeRemembered,
} from './home/index.ts'
import { lastListen, openMesh } from './listening.ts'
import type { MeshHost } from './mesh-host.ts'
import { shoalVersion } from './node-version.ts'
import type { Peer, PeerOptions } from './peer/index.ts'
import { processIdentity } from './process-identity.ts'
import { answersOfRuns, Runs } from './runs/index.ts'

/** What a daemon is started with. */
export interface DaemonOptions
  extends Pick<PeerOptions, 'resources' | 'objectStoreBytes' | 'labels' | 'folders' | 'log' | 'logOutput'> {
  /** Prepared (`prepareHome`). Default: `$SHOAL_HOME`. */
  readonly home?: Home
  /** `--listen`, for the mesh. Default: where it listened last, on all addresses. */
  readonly listenAt?: string
  /** Joins the mesh of this ticket. */
  readonly ticket?: string
}

/** How long `shoal down` and a signal let what runs go on. */
export const drainLimits = {
  downMs: 20_000,
  signalMs: 5_000,
  closeMs: 2_000,
  tellMs: 2_500,
  handOverMs: 4_000,
  linkMs: 5_000,
  voteMs: 5_000,
}

/** The agent of a home, in this process: the peer, its Unix socket, and the files that tell of it. */
export class Daemon {
  /** What `agent.json` says. */
  readonly record: AgentRecord
  /** Resolves when it has stopped and its socket, record and lock are gone. */
  readonly stopped: Promise<void>
  readonly #home: Home
  readonly #lock: AgentLock
  readonly #server: Server
  readonly #peer: Peer
  readonly #mesh: MeshHost
  readonly #runs: Runs
  /** Its part in the directory of names. */
  readonly names: NameDirectory
  readonly #log: (line: string) => void
  readonly #hurry = Promise.withResolvers<void>()
  readonly #stopped = Promise.withResolvers<void>()
  #stopping = false
  #removed = false

  /**
   * Starts the agent of a home, or tells which process has it already. Throws `HomeError` for trouble with its files,
   * and what the peer's start throws; then nothing is left behind.
   */
  static async start(options: DaemonOptions): Promise<Daemon | { readonly heldBy: number }> {
    const home = options.home ?? homeAt()
    const lock = takeAgentLock(home.lockDir)
    if ('heldBy' in lock) return lock
    let socket: string | undefined
    try {
      const before = await findAgent(home)
      if (before.state === 'running') return { heldBy: before.record.pid }
      if (before.state !== 'none') removeAgentTraces(home, before.record.socket)
      removeSpilled(home)
      socket = agentSocketPath(home)
      return await Daemon.#listen(home, lock, socket, options)
    } catch (error) {
      removeAgentTraces(home, socket)
      lock.release()
      throw error
    }
  }

  static async #listen(home: Home, lock: AgentLock, socket: string, options: DaemonOptions): Promise<Daemon> {
    const identity = loadPeerIdentity(home)
    const { peerId, key } = identity
    if (options.ticket !== undefined) await join(home, identity, options.ticket)
    const { meshId, role, credential, issuer } = loadMembership(home, identity)
    const incarnation = nextIncarnation(home)
    const { Peer } = await import('./peer/index.ts')
    const { resources, objectStoreBytes, labels, folders, log, logOutput } = options
    let daemon: Daemon | undefined
    let mesh: MeshHost | undefined
    const runs = new Runs(home.runsDir, log)
    const runAnswers = answersOfRuns(runs, { peerId, socket })
    const names = new NameDirectory({
      self: { peerId, incarnation },
      durable: true,
      // It keeps the names from its first start on, before anybody has joined.
      founder: isAloneInMesh(home),
      storage: new FileStorage(home.namesFile, meshId),
      log,
    })
    const peer = new Peer({
      peerId,
      meshId,
      incarnation,
      version: shoalVersion,
      resources,
      objectStoreBytes,
      spillDir: home.spillDir,
      codeStorage: new CodeFiles(home.codeDir),
      labels,
      folders,
      log,
      ...(logOutput ? { logOutput } : {}),
      role,
      addresses: () => mesh?.addresses ?? [],
      members: () => mesh?.rows() ?? [],
      silence: (other, incarnation) =>
        mesh?.silence(other, incarnation) ?? { ms: Number.POSITIVE_INFINITY, gone: false },
      peerFacts: other => mesh?.facts(other) ?? { pid: 0 },
      directory: async host => names.attach(host),
      anywhere: runAnswers.anywhere,
      handlers: {
        ...runAnswers.here,
        names: async () => ({ ...names.status, names: await names.rows() }),
        'recover-names': async () => await names.recover(),
        stop: async (params: unknown) => {
          const now = (params as { now?: unknown } | null | undefined)?.now === true
          // The answer goes out first: stopping closes the connection that asked.
          setImmediate(() => void daemon?.stop({ drainMs: now ? 0 : drainLimits.downMs }))
          return { pid: process.pid }
        },
        drain: async () => {
          await peer.drain({ deadlineMs: Number.POSITIVE_INFINITY })
          return null
        },
        reach: async () => await (mesh?.node.reach() ?? []),
        ticket: async (params: unknown) => {
          const {
            uses = 1,
            ttlMs = meshLimits.ticketTtlMs,
            role = 'peer',
          } = (params ?? {}) as {
            uses?: number
            ttlMs?: number
            role?: Role
          }
          if (!mesh) throw new Error('the agent is starting')
          return { ...mesh.node.makeTicket({ uses, ttlMs, role }), uses, role }
        },
      },
    })
    try {
      mesh = await openMesh(home, options.listenAt ?? lastListen(home), options.listenAt !== undefined, listen => ({
        peer,
        names,
        key,
        peerId,
        meshId,
        incarnation,
        release: shoalVersion,
        role,
        credential,
        issuer,
        listen,
        tickets: ticketFile(home),
        remembered: readRemembered(home),
        remember: known => writeRemembered(home, known),
        renewed: (renewed: Credential) => saveCredential(home, renewed),
        log,
      }))
      if (options.ticket !== undefined) await mesh.linked(drainLimits.linkMs)
      const server = await listenPrivately(socket, connection => peer.attach(connection))
      const record: AgentRecord = {
        pid: process.pid,
        processIdentity: processIdentity(process.pid) ?? 'unknown',
        startedAt: Date.now(),
        incarnation,
        meshId,
        peerId,
        socket,
        version: shoalVersion,
        listen: mesh.node.address === undefined ? [] : [mesh.node.address],
      }
      writeAgentRecord(home, record)
      daemon = new Daemon({ home, lock, server, peer, mesh, names, runs, record, log })
      log(
        `agent ${shoalVersion} of peer ${peerId} runs: pid ${process.pid}, Node ${process.versions.node}, socket ${socket}`,
      )
      return daemon
    } catch (error) {
      names.close()
      await mesh?.node.close()
      await peer.close()
      throw error
    }
  }

  /** A new ticket, or null where this peer may issue none. */
  ticket(): string | null {
    const { node } = this.#mesh
    if (!node.mayIssue) return null
    return node.makeTicket({ role: 'peer', uses: 1, ttlMs: meshLimits.ticketTtlMs }).ticket
  }

  private constructor({
    home,
    lock,
    server,
    peer,
    mesh,
    names,
    runs,
    record,
    log,
  }: {
    home: Home
    lock: AgentLock
    server: Server
    peer: Peer
    mesh: MeshHost
    names: NameDirectory
    runs: Runs
    record: AgentRecord
    log: (line: string) => void
  }) {
    this.names = names
    this.record = record
    this.stopped = this.#stopped.promise
    this.#home = home
    this.#lock = lock
    this.#server = server
    this.#peer = peer
    this.#mesh = mesh
    this.#runs = runs
    this.#log = log
  }

  /**
   * Lets what runs go on for at most `drainMs`, then stops. A second call with 0 ends the first one's wait.
   * Resolves when the agent has stopped.
   */
  async stop({ drainMs }: { drainMs: number }): Promise<void> {
    if (drainMs === 0) this.#hurry.resolve()
    if (!this.#stopping) {
      this.#stopping = true
      await this.#stop(drainMs)
    }
    await this.stopped
  }

  async #stop(drainMs: number): Promise<void> {
    try {
      if (drainMs > 0) {
        this.#log(`draining: what runs has ${drainMs / 1000} s`)
        await Promise.race([
          this.#peer.drain({ deadlineMs: drainMs, leaving: true }),
          this.#hurry.promise,
          afterMs(drainMs + drainLimits.handOverMs),
        ])
      }
      // Programs that this agent has started end with it, while the rest closes.
      const runsEnded = this.#runs.close()
      // Its vote goes to another, and its names, before it leaves; and who follows a run from another peer hears of its end.
      await Promise.all([
        Promise.race([this.names.leave(), afterMs(drainMs > 0 ? drainLimits.voteMs : drainLimits.closeMs / 2)]),
        Promise.race([this.#runs.told(), afterMs(drainLimits.tellMs)]),
      ])
      this.names.close()
      // The others hear of it before their links end.
      await Promise.race([this.#mesh.close(), afterMs(drainLimits.closeMs)])
      // A peer that cannot close must not keep the process: it is about to end.
      await Promise.race([this.#peer.close(), afterMs(drainLimits.closeMs)])
      await Promise.race([runsEnded, afterMs(drainLimits.closeMs)])
    } catch (error) {
      this.#log(`stopping: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    }
    this.#log('stopped')
    this.removeTraces()
    this.#stopped.resolve()
  }

  /** Takes away the socket, the record and the lock, at once: also for a process that is about to end. */
  removeTraces(): void {
    // Once only: after that they may be those of the next agent.
    if (this.#removed) return
    this.#removed = true
    this.#server.close()
    removeAgentTraces(this.#home, this.record.socket)
    try {
      removeSpilled(this.#home)
    } catch (error) {
      this.#log(`what was spilled could not be removed: ${(error as Error).message}`)
    }
    this.#lock.release()
  }
}

function afterMs(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms).unref())
}

/** Redeems a ticket, and makes its mesh this home's. Throws Refusal and UnreachableError. */
async function join(home: Home, { peerId, key }: ReturnType<typeof loadPeerIdentity>, text: string): Promise<void> {
  const ticket = readTicket(text)
  const current = readMeshId(home)
  // A member of that mesh needs no ticket: it is not used up.
  if (current === ticket.meshId) return
  if (current !== undefined && !isAloneInMesh(home)) {
    throw new Refusal(
      'other-mesh',
      `${home.dir} belongs to the mesh ${current}, and the ticket is of ${ticket.meshId}: use a SHOAL_HOME of its own for it`,
    )
  }
  const transport = new QuicTransport(key)
  try {
    const joined = await redeemTicket(transport, ticket, {
      release: shoalVersion,
      wantsIssuer: true,
      ownPeerId: peerId,
    })
    const { role, credential, chain, known } = joined
    saveMembership(home, { meshId: ticket.meshId, role, credential, chain })
    writeRemembered(home, known)
  } finally {
    await transport.close()
  }
}
