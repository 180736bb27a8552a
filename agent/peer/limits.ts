/** Every bound of the peer's shell. */
export const limits = {
  /** A socket on which nobody says hello is closed after this. */
  helloMs: 2000,
  /** Records of one driver before decisions are made and others have their turn. */
  recordsPerTurn: 256,
  /** Rows of the state in one answer. */
  stateRowsMax: 10_000,
  /** Names of tasks in one peer's summary: the busiest. */
  taskNamesMax: 1000,
  /** An idle agent collects what it no longer needs after so many changes of tasks and objects. */
  changesCollected: 20_000,
  /** How often idle threads are looked for. */
  idleCheckMs: 5000,
  /** How often lanes are looked at while something was sent ahead. */
  unstickMs: 10,
  /** What a dead peer held is let go after this, so that what it passed on can be registered. */
  borrowerGraceMs: 5000,
  /** A ref's owner that is not linked may be met within this. */
  strangerMs: 1000,
  /** The owner of an actor that is to be killed may be met within this. */
  killLinkMs: 3000,
  /** How often a stream is tried again over a link that may come back. */
  relinkMs: 50,
  /** A payload that comes in parts: an error with everything in it (wire limits), and what is said beside it. */
  partsBytesMax: 24 << 20,
  /** Objects that are fetched at a time. */
  pullsMax: 16,
  /** How often work that waits is offered again, and guests that wait too long go back. */
  shareMs: 50,
  idleShareMs: 1000,
  /** A question to other peers is answered within this, or without them. */
  askMs: 1000,
  /** Questions by which another peer's clock is compared with this one's. */
  clockQuestions: 5,
  /** Who held an object of a dead peer has found who continues it within this. */
  successionGraceMs: 15_000,
  successionMs: 10_000,
  successionCheckMs: 100,
  keysPerQuestion: 5000,
  /** A copy of a replicated object is there within this, or counts as not made. */
  keepMs: 120_000,
  keepCheckMs: 5,
  /** Past the deadline of a drain: what was stopped has so long to leave its thread. */
  evictMs: 3000,
  /** How often a drain looks whether anything runs still, should nothing else tell. */
  drainLookMs: 1000,
  /** After that, handing over takes at most so long; of a peer that ends at once less. */
  handOverMaxMs: 60_000,
  handOverLeavingMs: 3000,
  /** Results that are named in one question. */
  handOverTokens: 50_000,
  /** How often a peer that takes over values looks whether they are here. */
  handOverMs: 10,
  /** How long an answer waits for the threads' own figures. */
  measureMs: 200,
  /** Of what a task writes at once, in one entry of the log. */
  logEntryCharacters: 200_000,
  /** A shared thread in which an actor is over that does not leave it is ended after this. */
  dismissMs: 500,
  /** One that is held for so long by code of which is not known whose it is, is ended too. */
  unknownHolderMs: 30_000,
  /** An actor whose owner has been silent for so long stops; another is begun after that (protocols §5). */
  leaseMs: 2800,
  leaseOverMs: 3200,
  leaseCheckMs: 100,
  /** Who kills an actor waits so long for its name to be free. */
  freedMs: 1000,
  /** Leases that were not looked at for so long: the process stood still. */
  stallMs: 1000,
  /** How often a peer that is drained looks at its actors. */
  drainActorsMs: 20,
  /** So long new calls of an actor that is to move wait for those that run, before they are let through for as long. */
  drainHoldMs: 500,
  /** How often the memory of a process with a limit is looked at. */
  memoryWatchMs: 50,
  /** What a process said before its end is read for so long, should its pipes stay open. */
  lastWordsMs: 200,
  /** A process that could not be started counts as ended after this. */
  startAgainMs: 100,
  /** How long the end of an embedded peer waits for its processes. */
  processEndMs: 2000,
  /** How long idle threads are given to collect what they no longer need. */
  collectMs: 1000,
} as const
