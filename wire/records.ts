/**
 * The records between a client (a driver, or a worker in which tasks submit tasks) and its agent, and between an agent and
 * its workers. The same on rings and sockets. Every body is made of 32-bit words, then bytes; texts are UTF-8 JSON.
 *
 * An object or task is named within a channel by its *slot*, a small number which the client chooses and reuses, and
 * everywhere else by its key {client, number}; both sides of a channel free a slot by the same rule: when a small result
 * has been delivered, or when the client has released it.
 */
export const record = {
  // client → agent
  /** text: Hello */
  hello: 2,
  /** Code or a module, in either direction. words: [bytes], text: { hash }, 8-aligned bytes; none: nobody here has it. */
  code: 3,
  /** words: [function index]; text: FunctionSpec */
  define: 4,
  /**
   * One task. field: number of dependencies.
   * words: [slot, number lo, number hi, function, parent token, number of contained keys, argument bytes, parts],
   * then each dependency's slot and low word of its number, each contained key (3 words), the slots of its parts (their
   * numbers follow its own), the arguments, 8-aligned.
   */
  submit: 5,
  /** words: [slot]: the client lets go of what this slot names. */
  release: 6,
  /** words: [slot, number lo, number hi]: the object will be named to others by its key. */
  share: 7,
  /** The value of an object of the client's, small. field: 1 failed, 2 shared, 4 a task's result. words: [slot, number lo, number hi, contained keys, bytes, 0], keys, value. */
  value: 8,
  /** Room in the store. field 0: for an object of the client's: words: [slot, number lo, number hi, bytes lo, bytes hi]; 1: for a result: [request, 0, 0, bytes lo, bytes hi]. */
  allocate: 9,
  /** The room holds this slot's value now. field: 2 shared. words: [slot, 0, 0, contained keys, 0, 0], keys */
  seal: 10,
  /** words: [request]: gives back room that was not sealed. */
  discard: 11,
  /** words: [slot]: asks for a stored value's place (rings) or bytes (sockets). field 1: it will be looked at in place. */
  fetch: 12,
  /** words: [token]: a stored value that `run` or `located` pinned has been read. field 1: the views of it are gone. */
  unpin: 13,
  /** words: [slot, client, number lo, number hi]: this client holds a ref it was given. */
  borrow: 14,
  /** words: [token]: a task awaits, its resources are free meanwhile. */
  suspend: 15,
  /** words: [token]: it could go on. */
  resume: 16,
  /** words: [request]; text: { method, params } */
  call: 17,
  /** words: [slot or request, from lo, from hi, bytes] then bytes: a piece of an object that a client puts which does not see the store. */
  fill: 18,
  /** words: [slot]: tell when this borrowed object is ready. */
  subscribe: 20,
  /** The answer to `need`. field: 1 if it failed. words: [slot, dependency, bytes, 0], value */
  supply: 21,
  /** text: { hash }: asks for code, which comes as a `code` record. */
  want: 22,
  /** words: [alias]; text: { peerId, incarnation, client }: the negative number by which this client will name a client of another owner. */
  alias: 23,
  /** words: [slot]: the bytes of this stored value are wanted in the agent's own store. */
  bring: 24,
  /** Of a stream. field 0: reads it from item n on, 1: has taken n items, 2: reads it no more, 3: leaves
   * it to others. words: [slot, n] */
  read: 25,
  /** A call of an actor: as `submit`, with two words before its lists: the actor's slot, and 0. */
  invoke: 26,
  /** text: ProcessSpec: functions of process isolation are about to come; a process may be kept ready. */
  expect: 30,

  // agent → client
  /** text: Welcome */
  welcome: 32,
  /** A small result. field: flags. words: [slot, bytes], value. Frees the slot unless `kept`. */
  result: 33,
  /** A stored result. words: [slot, bytes lo, bytes hi] */
  stored: 34,
  /** words: [slot, dependency]: the agent wants the value of a task's dependency, which it had delivered before. */
  need: 35,
  /** field as in `allocate`. words: [slot or request, offset lo, offset hi] */
  allocated: 36,
  /** No room for a result. words: [request, bytes], the error as a value */
  refused: 37,
  /** words: [slot, offset lo, offset hi, bytes lo, bytes hi, token]: it stays there until the client says `unpin`. */
  located: 38,
  /** words: [slot, from lo, from hi, bytes, total lo, total hi] then bytes: a piece of a stored value for a socket's client. */
  piece: 39,
  /** words: [token] */
  resumed: 40,
  /** words: [request, ok], text */
  reply: 41,
  /** Console output of remote code. field: 1 for standard error. text: { name, peer, worker, text } */
  log: 42,
  /** text: why the agent ends this channel */
  closed: 43,
  /** words: [slot, bytes], the error as a value: what was to be fetched cannot be. */
  unfetched: 44,
  /**
   * The next item of a stream. field: 0: its value is not known here, 1: it follows, 2: a failure follows, 3: stored.
   * words: [slot, low word of the stream's number, owner's client, number lo, number hi, bytes], then the value
   */
  item: 45,
  /** No more than n items will come. field: 1 if the task failed. words: [slot, low word of the stream's number, n] */
  ended: 46,

  // agent → worker
  /** words: [function], text: WorkerFunction */
  learn: 48,
  /**
   * One attempt. field: number of dependencies.
   * words: [token, claim (-1: it cannot be taken back), function, attempt, client, number lo, number hi, width (of an
   * actor's calls and of its making: the token of the actor), argument bytes, GPUs], then each
   * dependency (6 words: kind, place lo, place hi, bytes lo, bytes hi, pin), the numbers of the GPUs, then the arguments
   * and the inline dependencies' values, each 8-aligned.
   */
  run: 49,
  /** words: [token]: stop it */
  abort: 50,
  /** words: [client]; text: { peerId, incarnation, client }: whose tasks the following ones of that client are. */
  named: 51,
  /** words: [0]: collect what is no longer needed, and say `collected`. Also to a program that looks at the store. */
  collect: 52,
  /** words: [token, n]: so many items of this generator have been taken; -1: it is to come to its end. */
  credit: 53,
  /**
   * To a process, before the `run` that names it: a piece of a stored dependency.
   * words: [number, from lo, from hi, bytes, total lo, total hi], then bytes
   */
  given: 55,
  /** words: [actor's token]: this actor is over. `dismissed` follows. */
  dismiss: 65,
  /** Before the `run` that makes an actor: what it saved last. words: [actor's token, bytes], value */
  restore: 66,
  /** words: [0]: nothing of this thread goes on until the last claim is 0 again. */
  freeze: 70,

  // worker → agent
  /** The worker is ready. */
  ready: 56,
  /**
   * An attempt ended. field: flags.
   * words: [token, claim, contained keys, bytes], f64: [started, ended], words: [request, error bytes], keys, the error
   * as a text of a line, the value; each 8-aligned.
   */
  done: 57,
  /** words: [claim, token or -1]: an attempt ends without a result; -1: it was taken back before it began. */
  skipped: 58,
  /** words: [token]: runs now (only for attempts with a time limit) */
  started: 59,
  /** words: [token or -1, code]: process.exit was called */
  exiting: 60,
  /** field: 1 for standard error. words: [token or -1]; text */
  output: 61,
  /** The function's code cannot be loaded here. words: [token, claim, bytes, 0], the error as a value */
  incapable: 62,
  /** words: [0]: what could be collected has been, and was said before this. */
  collected: 63,
  /** A part or an item of a task. field: flags. words: [token, index, contained keys, bytes, request, 0], keys, 8-aligned value */
  product: 64,
  /** words: [actor's token]: nothing of it runs here any more. */
  dismissed: 67,
  /** An actor ends itself. field: 0 by `exitActor`, 1 by `process.exit`. words: [actor's token, exit code] */
  left: 68,
  /** What an actor saved. words: [actor's token, contained keys, bytes, 0], keys, 8-aligned value */
  saved: 69,
} as const

/** Flags of `result` and `done`. */
export const flag = {
  /** The value is an error. */
  error: 1,
  /** Refs are inside: the row stays until the client releases it. */
  kept: 2,
  /** In the store, not in the record: the value's place follows. */
  stored: 4,
  /** The error is of a class that `retryErrors` names. */
  retry: 8,
  /** The task awaited something of the mesh at least once. */
  awaited: 16,
  /** It held its thread for long without letting others have a turn. */
  blocked: 32,
} as const

/** What an `item` record says of the item's value. */
export const itemIs = { unknown: 0, value: 1, failed: 2, stored: 3 } as const

/** Kinds of dependencies in `run`: the value follows the arguments, or lies in the store. */
export const dependency = { inline: 0, stored: 1 } as const

/** Text of `hello`. */
export interface Hello {
  version: number
  kind: 'driver' | 'control'
  pid: number
  namespace?: string
  logToDriver?: boolean
  script?: string
}

/** Version of these records; both sides say theirs and refuse another. */
export const recordsVersion = 5

/** Text of `welcome`. */
export interface Welcome {
  version: number
  client: number
  peerId: string
  meshId: string
  incarnation: number
  jobId: string
  namespace: string
  release: string
}

/** What a client tells its agent of a function once (`define`). Amounts are in units of 1/10,000. */
export interface FunctionSpec {
  name: string
  code: string
  /** 0: the captured function itself; n: its companion n - 1. */
  entry: number
  /** Companions that are the classes of `retryErrors`; none: all errors. */
  retryClasses: number[]
  /** What else has to be there: modules, and codes of the remote functions that it holds. */
  blobs: string[]
  codes: string[]
  resources: Record<string, number>
  retries: number
  retryErrors: boolean
  timeoutMs: number
  priority: number
  copy: boolean
  external: string[]
  infeasibleTimeoutMs: number
  /** How many values it gives; 0: the items of a generator. */
  returns: number
  /** Of a generator: how many items may be there that nobody has taken; 0: any number. */
  backpressure: number
  placement?: PlacementSpec
  /** Runs in processes like this; left out: in threads. */
  process?: ProcessSpec
  /** It is a class, whose instances are actors. */
  actor?: ActorSpec
  /** It is a method of actors. */
  call?: CallSpec
}

/** Of a class of actors. Its `retries` are the restarts. */
export interface ActorSpec {
  /** Calls that run at a time, of those that belong to no group. */
  maxConcurrency: number
  /** Calls that run at a time, by group. */
  groups: Record<string, number>
  /** Groups by method. */
  methodGroups: Record<string, string>
  /** Lives beside others in one thread. */
  shares: boolean
  /** Lives until it is killed or ends itself. */
  detached: boolean
  /** How often it saves its state; 0: not by this. */
  checkpointCalls: number
  checkpointMs: number
  /** Under which it is found, in which namespace ('': that of its program), and whether one that is there already will do. */
  name?: string
  namespace?: string
  getIfExists?: boolean
  /** What its handles say of it. */
  shape: string
}

/** Of a method of actors. */
export interface CallSpec {
  method: string
  className: string
  /** Names of the error classes that are tried again; none: all. */
  retryNames: string[]
  /** Left out: the group that the class says. */
  group?: string
}

/** What makes two processes alike: tasks that say the same may share one. */
export interface ProcessSpec {
  /** Over the environment of the agent. */
  env: Record<string, string>
  /** Its resident memory may not grow past this; 0: no limit. */
  memoryBytes: number
}

export interface PlacementSpec {
  peer?: string
  labels?: Record<string, unknown>
  soft?: boolean
  spread?: boolean
  group?: GroupPlacement
}

/** A bundle of a placement group. */
export interface GroupPlacement {
  id: string
  /** -1: any that fits. */
  bundle: number
  /** What each bundle has; nothing where it is known already that the bundle fits. */
  bundles: Record<string, number>[]
}

/** What a program asks a placement group to be (call `group-make`). */
export interface GroupRequest {
  id: string
  name?: string
  strategy: 'pack' | 'spread' | 'strict-pack' | 'strict-spread'
  bundles: Record<string, number>[]
  detached: boolean
}

/** What an agent tells a worker of a function (`learn`). */
export interface WorkerFunction {
  name: string
  code: string
  entry: number
  retryClasses: number[]
  blobs: string[]
  codes: string[]
  copy: boolean
  timed: boolean
  retryErrors: boolean
  returns: number
  backpressure: number
  actor?: ActorSpec | undefined
  call?: CallSpec | undefined
  jobId: string
  namespace: string
}

/** Splits a whole number below 2^53 into two 32-bit words. */
export function low(n: number): number {
  return n | 0
}
export function high(n: number): number {
  return Math.floor(n / 0x1_0000_0000) | 0
}
/** The whole number of two 32-bit words. */
export function joined(lo: number, hi: number): number {
  return hi * 0x1_0000_0000 + (lo >>> 0)
}
