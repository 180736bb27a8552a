/** Every bound and constant of the cores (protocols §1, §2). */
export const limits = {
  /** Resource amounts are whole multiples of 1 / this. */
  unitsPerResource: 10_000,
  /** Threads a CPU: beyond it new work waits for one to come free. */
  threadsPerCpu: 4,
  /** Tasks on one thread at a time, running or suspended. */
  tasksPerThreadMax: 1 << 15,
  /** Past this many suspended tasks only descendants of something start. */
  suspendedMax: 1000,
  /** Work sent ahead to a thread, so that it needs no round trip between two short tasks. */
  runAheadMs: 2,
  runAheadTasksMax: 1024,
  /** A function is sent ahead only below this run time. */
  shortTaskMs: 0.5,
  /** A thread that made no progress for this long gives back what was sent ahead to it. */
  stuckAfterMs: 10,
  /** Functions under this may start on a thread that has suspended tasks of others. */
  quickTaskMs: 10,
  /** A function that blocked its thread this long gets one of its own. */
  blockingTaskMs: 200,
  /** What a function that never ran is thought to take. */
  unknownTaskMs: 100,
  /** Waiting this long lets a request hold back those behind it that want the same resource. */
  ageingMs: 1000,
  /** An idle thread ends after this. */
  threadIdleMs: 60_000,
  /** A process is kept ready for so long after the last use of its pool, and as long as a job that declared it lives. */
  spareMs: 300_000,
  /** Processes that are kept ready, of all pools together. */
  sparesMax: 2,
  /** After a time-out a task may still leave by itself for this long before its thread is ended. */
  abortGraceMs: 50,
  /** A timer may end so much too early. */
  timerSlackMs: 2,
  /** Arguments up to this many bytes live in the task's row. */
  rowArgumentBytes: 48,
  /** Fetched copies of at least so many bytes stay for a while after their last use. */
  lingerBytesMin: 256 * 1024,
  lingerMs: 3000,
  /** Values that are nowhere else are written to disk above this part of the store. */
  spillAbove: 0.8,
  /** Several are joined into files of so many bytes. */
  spillFileBytes: 64 << 20,
  /** Who finds no room has at least so much written at a time. */
  spillBytesMin: 16 << 20,
  /** After a write that failed nothing is written in advance for so long; who asks for room has it tried at once. */
  spillAgainMs: 1000,
  /** Room that others are about to give back is waited for so long. */
  roomStuckMs: 30_000,
  /** A parked peer that says nothing for this long is none. */
  parkedMs: 6000,
  /** Work granted ahead to a peer: this much, and so many tasks. */
  grantAheadMs: 50,
  grantAheadTasksMax: 4096,
  /** Back-off of offers to peers that did not ask. */
  offerMinMs: 2,
  offerMaxMs: 256,
  offersAtOnce: 4,
  /** Resources that are free for so long are offered to others than those that fill them. */
  idleMs: 10,
  /** How long a peer parks at the same others. */
  friendsMs: 10_000,
  /** A guest that waits this long for a place goes back to where it came from. */
  guestPatienceMs: 150,
  /** What moving a task costs at least. */
  moveMs: 1,
  /** An argument of this size draws its task to where it is. */
  localityBytesMin: 1 << 20,
  /** Specifications of tasks whose values may be lost. */
  lineageBytesMax: 2 ** 30,
  /** Copies of a replicated object besides its owner's. */
  replicas: 2,
  /** What is prepared for a placement group is free again unless it is committed within this. */
  bundlePreparedMs: 10_000,
  /** A placement group that finds no room is tried again after so long, at random up to twice, and ever more. */
  groupRetryMinMs: 10,
  groupRetryMaxMs: 250,
  /** A placement group that no mesh could hold: who waits for it is told after this. */
  groupInfeasibleMs: 10_000,
  /** While no peer could ever hold it, it is looked at only so often: peers that come say so. */
  groupImpossibleMs: 1000,
  bundlesMax: 1000,
  groupsMax: 100_000,
  /** Finished tasks that the state remembers. */
  finishedTasksMax: 10_000,
  /** Phases of tasks that the timeline remembers, beside their runs: 39 bytes each. */
  phasesMax: 10_000,
  /** Tasks and objects of one peer at a time. */
  rowsMax: 1 << 24,
  /** Threads that actors without CPUs of their own share, a CPU. */
  sharedThreadsPerCpu: 1,
  /** Actors that are being made on one thread at a time. */
  actorsMadeAtOnce: 512,
  /** Calls of one group that are sent to an actor ahead of those that run. */
  callsAhead: 256,
  /** An actor whose peer is not linked is looked for again after this. */
  lookAgainMs: 200,
  /** One that was not where its owner had said is asked for again after this. */
  strayMs: 10,
  /** A call that was given up is to have left its thread within this, or the thread is ended. */
  callGraceMs: 500,
  /** The same for a constructor where others share the thread. */
  makerGraceMs: 5000,
  /** Actors that are over, as the state remembers them. */
  deadActorsMax: 10_000,
  /** Jobs that have ended are remembered: what their workers said last comes later. */
  endedJobsKept: 10_000,
} as const
