/** The data fields of each error class, by class name. All of them are plain data, so that an error can travel. */
export interface ErrorFields {
  TaskError: { taskId: string; functionName: string; peerId: string; attempt: number }
  TaskTimeoutError: { taskId: string; functionName: string; peerId: string; attempt: number; timeoutMs: number }
  CancelledError: { taskId: string; functionName: string }
  WorkerDiedError: {
    taskId: string
    functionName: string
    peerId: string
    attempt: number
    exitCode: number | null
    signal: string | null
    lastLines: string[]
    stoppedTask?: string
  }
  OutOfMemoryError: {
    taskId: string
    functionName: string
    peerId: string
    attempt: number
    limitBytes: number
    usedBytes: number
  }
  ObjectLostError: { objectId: string; reason: string }
  PeerDiedError: { taskId: string; functionName: string; peerId: string; attempt: number }
  OwnerDiedError: { objectId?: string; peerId: string }
  StoreFullError: { requestedBytes: number; capacityBytes: number; usedBytes: number }
  GetTimeoutError: { objectId?: string; timeoutMs: number }
  PoolEmptyError: Record<never, never>
  QueueFullError: { maxSize: number; timeoutMs?: number }
  QueueEmptyError: { timeoutMs?: number }
  InfeasibleError: { resource: string; requested: number | string; has: number | string }
  PlacementGroupRemovedError: { groupId: string; reason: string }
  CaptureError: { variable: string; functionName: string; reason: string; advice: string }
  CodeError: { package?: string; functionName?: string; peerId: string; reason: string }
  SerializationError: { path: string; reason: string }
  AdmissionError: { reason: string }
  ConnectError: { attempts: { address: string; reason: string }[] }
  NamesUnavailableError: { voters: string[]; unreachable: string[]; timeoutMs: number }
  InvalidOptionError: { option: string; value: unknown; allowed: string }
  AlreadyInitializedError: { meshId?: string }
  NotInitializedError: Record<never, never>
  ClosedError: { reason?: string }
  ActorDiedError: { actorId: string; className: string; reason: string }
  PendingCallsError: { className: string; maxPendingCalls: number }
  ActorNotFoundError: { actorName: string; namespace: string }
  NameTakenError: { actorName: string; namespace: string }
}

/** The name of an error class: `'TaskError'`, … */
export type ErrorName = keyof ErrorFields

/** One row of the table: what an error class is made from, and what docs/errors.md says about it. */
export interface ErrorRow<Field extends PropertyKey = string> {
  /** Stable: what programs match on. */
  readonly code: `SHOAL_${string}`
  /** When it happens, as a sentence without a subject. */
  readonly when: string
  /** What the reader of the error can do about it. */
  readonly advice: string
  /** Its data fields: name → meaning. */
  readonly fields: Readonly<Record<Field, string>>
}

/** Every error that Shoal makes: classes, codes, transport and documentation all come from here. */
export const errorTable = {
  TaskError: {
    code: 'SHOAL_TASK_FAILED',
    when: "The task's function threw, or its promise rejected; or an argument of it had failed, and it never ran.",
    advice:
      "Look at `cause`: it is the function's own error, with its own fields and the stack of the place that threw, or the failure of the argument. `retryErrors` runs such a task again.",
    fields: {
      taskId: 'the task',
      functionName: 'the name of its function, or its `name` option',
      peerId: 'the peer that ran it',
      attempt: 'the attempt that failed, counted from 1; 0: it never ran, since an argument had failed',
    },
  },
  TaskTimeoutError: {
    code: 'SHOAL_TASK_TIMEOUT',
    when: 'One attempt ran for longer than its `timeoutMs`. It was stopped, and is not run again.',
    advice:
      'Raise `timeoutMs`, split the work, or end early on `context().signal`. Time spent in the queue does not count.',
    fields: {
      taskId: 'the task',
      functionName: 'the name of its function, or its `name` option',
      peerId: 'the peer that ran it',
      attempt: 'the attempt that was stopped, counted from 1',
      timeoutMs: 'the limit, in milliseconds',
    },
  },
  CancelledError: {
    code: 'SHOAL_CANCELLED',
    when: 'The task was cancelled with `cancel`, or an argument of it was the result of one that was.',
    advice:
      'Nothing, if that was meant. What runs is not stopped by it but told: `context().signal` is aborted. `cancel(ref, { force: true })` stops it.',
    fields: {
      taskId: 'the task that was cancelled',
      functionName: 'the name of its function, or its `name` option',
    },
  },
  WorkerDiedError: {
    code: 'SHOAL_WORKER_DIED',
    when: 'The thread or the process that ran the task ended under it (`process.exit`, a crash, a signal, stopped because of another task), and its `retries` are used up.',
    advice:
      'Read `lastLines`, the last console output of that worker. Raise `retries` if running it again is safe. Where `stoppedTask` is set, that task was at fault: give one of the two more `cpus`, so that they share no thread.',
    fields: {
      taskId: 'the task',
      functionName: 'the name of its function, or its `name` option',
      peerId: 'the peer that ran it',
      attempt: 'the attempt that was lost, counted from 1',
      exitCode: 'the exit code, or null',
      signal: 'the signal that ended its process, or null',
      lastLines: 'the last lines it wrote to the console, oldest first',
      stoppedTask: 'the other task for which the thread had to be ended, if so',
    },
  },
  OutOfMemoryError: {
    code: 'SHOAL_OUT_OF_MEMORY',
    when: "The task's process took more memory than its `memoryBytes`, was ended, and its `retries` are used up.",
    advice:
      'Raise `memoryBytes`, or hold less at a time: the limit is for all that the process has resident, Node itself (about 60 MB) and its copies of the arguments included.',
    fields: {
      taskId: 'the task',
      functionName: 'the name of its function, or its `name` option',
      peerId: 'the peer that ran it',
      attempt: 'the attempt that was ended, counted from 1',
      limitBytes: 'its `memoryBytes`',
      usedBytes: 'what its process had resident at the last look, every 50 ms',
    },
  },
  ObjectLostError: {
    code: 'SHOAL_OBJECT_LOST',
    when: 'The object is gone: released or moved here, or its copies are lost and no task can make it again.',
    advice: 'Keep a ref for as long as the object is needed: after `release`, `using` or `move` a ref cannot be read.',
    fields: { objectId: 'the object', reason: 'why it is gone' },
  },
  PeerDiedError: {
    code: 'SHOAL_PEER_DIED',
    when: 'The peer that ran the task was lost, and its `retries` are used up.',
    advice: 'Raise `retries` if running it again is safe; `shoal peers` says which peers are left.',
    fields: {
      taskId: 'the task',
      functionName: 'the name of its function, or its `name` option',
      peerId: 'the peer that was lost',
      attempt: 'the attempt that was lost with it, counted from 1',
    },
  },
  OwnerDiedError: {
    code: 'SHOAL_OWNER_DIED',
    when: 'The agent that owned the object or the task is gone, and what it knew went with it.',
    advice: "See that agent's log for its end, start it again (`shoal up`), and run the program again.",
    fields: { objectId: 'the object, where one was asked for', peerId: 'the peer that owned it' },
  },
  StoreFullError: {
    code: 'SHOAL_STORE_FULL',
    when: 'A value does not fit into the object store. Only the `put` or the task that asked for room fails.',
    advice:
      'Release refs that are no longer needed, put smaller pieces, or give the store more room: `objectStoreBytes`.',
    fields: {
      requestedBytes: 'what was asked for, in bytes',
      capacityBytes: "the store's size, in bytes",
      usedBytes: 'what is in use, in bytes',
    },
  },
  GetTimeoutError: {
    code: 'SHOAL_GET_TIMEOUT',
    when: '`get` ran past its `timeoutMs`. The object may still come: the ref is as good as before.',
    advice: 'Ask again, raise `timeoutMs`, or look at `mesh.state.tasks()`, which says what the task waits for.',
    fields: { objectId: 'the first object that was missing', timeoutMs: 'the limit, in milliseconds' },
  },
  PoolEmptyError: {
    code: 'SHOAL_POOL_EMPTY',
    when: '`next` or `nextUnordered` of an ActorPool came where there is nothing to come: every result was given or is waited for already, or the pool has no actors.',
    advice: 'Ask `hasNext()` first, or `submit` something.',
    fields: {},
  },
  QueueFullError: {
    code: 'SHOAL_QUEUE_FULL',
    when: 'A Queue had no room: for `putNow` at once, for `put` within its `timeoutMs`, for `putBatch` for all of its items. Nothing was put.',
    advice: 'Put it again later, wait longer, take items out faster, or give the queue a larger `maxSize`.',
    fields: { maxSize: 'how many items it holds', timeoutMs: 'how long was waited, in milliseconds, if it was' },
  },
  QueueEmptyError: {
    code: 'SHOAL_QUEUE_EMPTY',
    when: 'A Queue had no item: for `getNow` at once, for `get` and `getBatch` within their `timeoutMs`. Nothing was taken.',
    advice: 'Ask again later or wait longer.',
    fields: { timeoutMs: 'how long was waited, in milliseconds, if it was' },
  },
  InfeasibleError: {
    code: 'SHOAL_INFEASIBLE',
    when: "No peer of the mesh could ever run the task, or hold the placement group: it asks for more of a resource than any of them has, or for a peer or a label that there is not. It comes after `infeasibleTimeoutMs`; at once where no bundle of the task's placement group has what it asks for.",
    advice: 'Ask for less, start a peer that has it, or raise `infeasibleTimeoutMs` if such a peer is about to join.',
    fields: {
      resource:
        "the resource by its option's name (`cpus`, `gpus`, `memoryBytes`, a name of one's own), or `placement`",
      requested: 'how much the task asks for',
      has: 'the most that one peer has',
    },
  },
  PlacementGroupRemovedError: {
    code: 'SHOAL_PLACEMENT_GROUP_REMOVED',
    when: 'The placement group of the task was removed, by `remove()`, with the program that made it or with the peer that owned it; or `ready()` was asked of such a group.',
    advice:
      "Make another group. One that is to outlive its program needs `lifetime: 'detached'`, and goes with the peer of its program all the same.",
    fields: { groupId: 'the group', reason: 'why it is gone' },
  },
  CaptureError: {
    code: 'SHOAL_CAPTURE',
    when: 'A function cannot travel: something it uses exists in this process only, such as a socket or a native function.',
    advice: 'Do what its `advice` says: in most cases make the thing inside the function, or pass it as an argument.',
    fields: {
      variable: 'the variable that cannot travel',
      functionName: 'the function that uses it',
      reason: 'why it cannot',
      advice: 'the way out',
    },
  },
  CodeError: {
    code: 'SHOAL_CODE',
    when: 'Code arrived at a peer and could not be loaded there: a package is missing, or a module threw while it was evaluated.',
    advice:
      "Install `package` in the folder from which that peer's agent was started, or take it out of `external`. Where a module threw, `cause` is what it threw.",
    fields: {
      package: 'the npm package that is missing, if that is the reason',
      functionName: 'the function that needed it',
      peerId: 'the peer that could not load it',
      reason: 'what went wrong',
    },
  },
  SerializationError: {
    code: 'SHOAL_SERIALIZATION',
    when: 'A value cannot travel: an argument, a result, or what was given to `put` holds a function, a promise, a socket or the like.',
    advice: 'Leave out what is at `path`, or send data from which it can be made again.',
    fields: { path: 'where in the value: `args[0].model.socket`', reason: 'what is there' },
  },
  AdmissionError: {
    code: 'SHOAL_ADMISSION',
    when: 'The mesh did not let this peer in: its ticket or its credential is not good.',
    advice:
      'Make a new ticket on any live peer (`shoal ticket`) and copy it whole. `reason` says what was wrong with this one.',
    fields: {
      reason:
        'garbage, tampered, expired, used-up, unknown-ticket, other-mesh, other-peer, revoked, clock, no-credential or may-not-issue',
    },
  },
  ConnectError: {
    code: 'SHOAL_CONNECT',
    when: 'No agent or peer could be reached.',
    advice:
      "Start one (`shoal up`), correct `address` or `$SHOAL_ADDRESS`, or use `address: 'local'`. `shoal doctor` looks further.",
    fields: { attempts: 'each address that was tried, and what it said: `{ address, reason }[]`' },
  },
  NamesUnavailableError: {
    code: 'SHOAL_NAMES_UNAVAILABLE',
    when: 'A name could not be taken, found or given up in time: no majority of the agents that decide about names was reached, or the directory is full. What was asked for may still come to pass.',
    advice:
      'Start the agents in `unreachable` again, or mend the network to them. If they are gone for ever, `shoal names recover --force` makes this agent the only one that decides (docs/names.md).',
    fields: {
      voters: 'the peers that decide about names, as far as is known',
      unreachable: 'those of them that are not linked to this peer',
      timeoutMs: 'how long was waited, in milliseconds',
    },
  },
  InvalidOptionError: {
    code: 'SHOAL_INVALID_OPTION',
    when: 'An option or an argument of a call is of the wrong type, out of range, or unknown. It is thrown at the call.',
    advice: 'Pass what `allowed` says.',
    fields: {
      option: 'its name: `retries`, `placement.peer`, `refs[2]`',
      value: 'what it was (a short text of it, where it was no primitive)',
      allowed: 'what it may be',
    },
  },
  AlreadyInitializedError: {
    code: 'SHOAL_ALREADY_INITIALIZED',
    when: '`init()` was called a second time without `close()`, or inside a task.',
    advice: 'Call it once; `mesh()` gives the mesh anywhere else, in tasks too.',
    fields: { meshId: 'the mesh that is there already' },
  },
  NotInitializedError: {
    code: 'SHOAL_NOT_INITIALIZED',
    when: 'A remote call, `put`, `wait` or `mesh()` came before `init()`, or after `close()`.',
    advice: '`await using mesh = await init()` first. A ref from before stays rejected.',
    fields: {},
  },
  ClosedError: {
    code: 'SHOAL_CLOSED',
    when: 'The mesh was closed here while something was still waiting for a result.',
    advice: 'Await what you need before `close()`, or before the block of `await using` ends.',
    fields: { reason: 'what closed it, where that was not `close()`' },
  },
  ActorDiedError: {
    code: 'SHOAL_ACTOR_DIED',
    when: 'The actor is gone, or was lost while it ran the call: killed, ended by itself, its constructor threw, its worker, its peer or its owner died.',
    advice:
      "`reason` says why and by whom. `restarts` makes it anew after a death, `callRetries` runs the calls again that it cost, `checkpoint` keeps its state. An actor in a shared thread can be lost by what another does there: give it `cpus` or `isolation: 'process'`.",
    fields: { actorId: 'the actor', className: 'the name of its class', reason: 'why it died, and by whom' },
  },
  PendingCallsError: {
    code: 'SHOAL_PENDING_CALLS',
    when: 'More calls would wait for the actor than its `maxPendingCalls`. It is thrown at the call, which is not made.',
    advice: 'Await some of the calls first, make more actors, or raise `maxPendingCalls`.',
    fields: { className: 'the name of its class', maxPendingCalls: 'the limit' },
  },
  ActorNotFoundError: {
    code: 'SHOAL_ACTOR_NOT_FOUND',
    when: 'No actor has this name in this namespace: it was never made, or is over.',
    advice:
      '`shoal actors` lists them. A driver that names no namespace has one of its own: pass `namespace` to `init` or to `getActor`.',
    fields: { actorName: 'the name', namespace: 'where it was looked for' },
  },
  NameTakenError: {
    code: 'SHOAL_NAME_TAKEN',
    when: 'Another actor that lives has this name in this namespace.',
    advice: 'Use `getActor` or `getIfExists: true` to have that one, or take another name.',
    fields: { actorName: 'the name', namespace: 'the namespace' },
  },
} as const satisfies { readonly [Name in ErrorName]: ErrorRow<keyof ErrorFields[Name]> }

/** The code of a class: `CodeOf<'TaskError'>` is `'SHOAL_TASK_FAILED'`. */
export type CodeOf<Name extends ErrorName> = (typeof errorTable)[Name]['code']

/** Every code. */
export type ErrorCode = CodeOf<ErrorName>
