/** Every bound of runs. */
export const limits = {
  /** Records that are kept, of running ones and the newest of those that ended. */
  recordsMax: 100,
  /** Of what each stream of a run has said: so many files of so many bytes, as of the agent's log. */
  fileBytesMax: 10 * 1024 * 1024,
  filesMax: 5,
  /** Of all runs together; past it the output of the oldest that have ended goes. */
  outputBytesMax: 1024 * 1024 * 1024,
  /** Bytes of output in one answer. */
  pieceBytes: 256 * 1024,
  /** How often the size of the output, and whether an adopted run lives, is looked at. */
  lookMs: 250,
  /** From SIGTERM to SIGKILL, when a run is stopped, and when its agent ends. */
  stopMs: 5_000,
  closeMs: 1_500,
  /** How often is looked whether processes of a run that is being stopped live, and how long after SIGKILL. */
  groupLookMs: 50,
  killedMs: 1_000,
  /** Who has asked for a run within this follows it; who has not asked for so long since its end knows of that. */
  followMs: 1_000,
  quietMs: 500,
} as const
