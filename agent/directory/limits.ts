/** Every bound and constant of the directory. Milliseconds and bytes, unless the name says otherwise. */
export const limits = {
  /** How often a leader that has nothing to say lets itself be heard. */
  heartbeatMs: 200,
  /** A follower that has heard no leader for this long asks for votes; the half of it and more is random. */
  electionMs: 1200,
  /** After a leader's death is known, a voter waits at most so long for another one's candidacy. */
  succeedMs: 250,
  /** A candidate that was refused asks again after this, at most: by then the others may know of the leader's death too. */
  askAgainMs: 400,
  /** What is committed is said to followers within this, though there is nothing else to say. */
  commitSaidMs: 50,
  /** Log entries of one message together, unless one alone has more. */
  appendBytesMax: 512 << 10,
  /** Messages with entries that a follower has not acknowledged. */
  inflightMax: 16,
  /** A snapshot that was not acknowledged is sent again after this. */
  snapshotAgainMs: 5000,
  /** Proposals that are not committed, at a leader: beyond it they are refused, and tried again. */
  uncommittedMax: 4096,
  uncommittedBytesMax: 64 << 20,
  /** The log is replaced by a snapshot when it has more than so many entries, or more bytes than this and twice the snapshot. */
  logEntriesMax: 4000,
  logBytesMax: 4 << 20,

  /** Names in one mesh. */
  entriesMax: 10_000,
  nameCharactersMax: 512,
  dataCharactersMax: 64 << 10,
  /** 1 MiB in base64. */
  specCharactersMax: 1_400_000,
  checkpointCharactersMax: 1_400_000,
  /** With room for an error of 64 KiB in base64. */
  reasonCharactersMax: 100_000,
  /** Of all entries together. */
  stateCharactersMax: 64 << 20,
  /** Why a detached entry ended is remembered for so long, and of so many. */
  tombstoneMs: 10 * 60_000,
  tombstonesMax: 1000,
  tombstoneCharactersMax: 8 << 20,
  /** Requests whose outcome is remembered, so that one that is sent again is not carried out again. */
  requestsMax: 8192,

  /** Every question to the directory ends after this. */
  requestMs: 10_000,
  /** A question is answered from a copy after this, where voters were not met at all. */
  copyMs: 5000,
  /** Voters that answer within this are not lost. */
  recoverMs: 3000,
  /** A request that found no leader is tried again after this, growing up to the second. */
  retryMs: 20,
  retryMaxMs: 250,
  /** One peer's answer to a request is waited for so long before another is asked. */
  answerMs: 1500,
  /** A request is passed on at most so often: to a voter, and by it to the leader. */
  hopsMax: 2,
  /** Requests of one peer that are open. */
  requestsOpenMax: 20_000,

  /** How often the shell looks at its cores while there are others. */
  tickMs: 50,
  renewMs: 500,
  leaseMs: 3000,
  /** A holder takes no more calls so long after it sent the last renewal that was acknowledged. */
  holderMs: 2800,
  /** The next holder begins at least so long after the last renewal that the leader received. */
  expireMs: 3200,
  /** How often a place is looked for, and a holder told that has not begun. */
  placeMs: 250,
  /** What several hosts in a row could not begin is placed again after this, growing up to the second. */
  beginAgainMs: 250,
  beginAgainMaxMs: 10_000,
  /** A peer that was told to stop an actor has so long to say that it did; else its lease runs out. */
  stopMs: 500,
  /** A voter that is dead is replaced after this. */
  replaceMs: 5000,
  /** How often the leader considers who votes. */
  votersMs: 250,
  /** A new voter has caught up within this, or another is tried. */
  learnMs: 10_000,
  /** Who leaves is rid of its vote within this, or leaves without. */
  leaveMs: 5000,
  /** One message in its parts. */
  partBytes: 512 << 10,
  messageBytesMax: 160 << 20,
} as const
