import type { Hello } from '../wire/records.ts'
import type { RingPair } from '../wire/ring.ts'

/** What the thread of an embedded peer is started with. */
export interface EmbeddedData {
  channel: RingPair
  store: SharedArrayBuffer
  hello: Hello
  resources: Record<string, number>
  labels: Record<string, string>
  /** Where it spills. The program removes the folder at its end. */
  spillDir: string
  folders: string[]
  /** Joins the mesh of this ticket. */
  ticket: string | undefined
  /** See wire/embedded-control.ts. */
  control: Int32Array
}
