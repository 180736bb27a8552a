import { isProcessPool, type Kind } from './kinds.ts'

/**
 * The right to run tasks of one kind on one thread: `width` of them at a time, for which resources are taken. More may be
 * sent ahead; the thread starts them as earlier ones end, so that short tasks need no round trip each.
 */
export interface Lane {
  readonly kind: Kind
  readonly thread: Thread
  width: number
  /** Sent and not ended, suspended ones not counted. */
  sent: number
  /** When one of its tasks last ended, or the first was sent. */
  progressAt: number
  dirty: boolean
}

/** A worker as the scheduler sees it: a thread, or a process. */
export class Thread {
  readonly id: number
  /** '' of threads; of others the kinds that they run (`Kind.pool`). */
  pool: string
  state: 'live' | 'ending' = 'live'
  /** CPU units of what runs on it. */
  load = 0
  /** Tasks that run, and that await. */
  running = 0
  suspended = 0
  /** Actors that live on it. */
  actors = 0
  /** One of them has it for itself. */
  owned = false
  /** Tasks among the running that want the thread for themselves. */
  exclusive = 0
  /** The job whose tasks are on it. */
  job = -1
  /** Of a process: the job that has used it, -1 before the first. It serves no other. */
  bound = -1
  /** That job is over. */
  over = false
  usedAt = 0
  readonly lanes: Lane[] = []

  constructor(id: number, now: number, pool = '') {
    this.id = id
    this.pool = pool
    this.usedAt = now
  }

  get isProcess(): boolean {
    return isProcessPool(this.pool)
  }

  get busy(): boolean {
    return this.running > 0 || this.suspended > 0 || this.actors > 0
  }

  lane(kind: Kind, now: number): Lane {
    for (const lane of this.lanes) if (lane.kind === kind) return lane
    const lane: Lane = { kind, thread: this, width: 0, sent: 0, progressAt: now, dirty: false }
    this.lanes.push(lane)
    kind.lanes.push(lane)
    return lane
  }

  laneOf(kind: Kind): Lane | undefined {
    for (const lane of this.lanes) if (lane.kind === kind) return lane
    return undefined
  }
}

/** Forgets a lane that holds nothing. */
export function closeLane(lane: Lane): void {
  remove(lane.kind.lanes, lane)
  remove(lane.thread.lanes, lane)
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item)
  if (at >= 0) list.splice(at, 1)
}
