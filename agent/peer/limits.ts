/** Every bound of the peer's shell. */
export const limits = {
  /** A socket on which nobody says hello is closed after this. */
  helloMs: 2000,
  /** Records of one driver before decisions are made and others have their turn. */
  recordsPerTurn: 256,
  /** Rows of the state in one answer. */
  stateRowsMax: 10_000,
  /** How often idle threads are looked for. */
  idleCheckMs: 5000,
  /** How often lanes are looked at while something was sent ahead. */
  unstickMs: 10,
  /** How long an answer waits for the threads' own figures. */
  measureMs: 200,
} as const
