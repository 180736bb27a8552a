import { isMainThread } from 'node:worker_threads'
import { entryUrl } from './entry.ts'
import type { Inspector } from './inspector.ts'
import { inspectorOfThread } from './inspector.ts'

/** A script that V8 has compiled. */
export interface Script {
  scriptId: string
  /** As V8 has it: a URL; a path or a made-up name for `vm` and `eval`; '' for `new Function`. */
  url: string
  module: boolean
}

/** Sources kept, in characters: they are read again when needed. */
const sourceCharactersMax = 32 * 1024 * 1024

/**
 * The scripts of this thread and the text that V8 really runs for each: after type stripping, after a loader's changes.
 *
 * Only V8's debugger tells this, and while it is enabled every `await` of the thread takes ten times as long (measured on
 * Node 24: 57 → 556 ns). So it is enabled when a script is unknown (5 ms; 40 ms the first time, when all sources are
 * hashed) and `rest()` disables it again: at the end of each capture.
 */
export class Scripts {
  readonly #inspector: Inspector
  readonly #byId = new Map<string, Script>()
  readonly #byUrl = new Map<string, Script>()
  readonly #sources = new Map<string, string>()
  #characters = 0
  #enabled = false

  constructor(inspector: Inspector) {
    this.#inspector = inspector
    inspector.on('Debugger.scriptParsed', ({ params }) => {
      const scriptId = params.scriptId as string
      if (this.#byId.has(scriptId)) return
      const script = { scriptId, url: params.url as string, module: params.isModule === true }
      this.#byId.set(scriptId, script)
      if (script.url !== '') this.#byUrl.set(script.url, script)
    })
  }

  get(scriptId: string): Script {
    if (!this.#byId.has(scriptId)) this.#wake()
    return this.#byId.get(scriptId) ?? { scriptId, url: '', module: false }
  }

  /** The script last compiled for a URL, if there is one, and V8 still has its text. */
  at(url: string): Script | undefined {
    if (!this.#byUrl.has(url)) this.#wake()
    const script = this.#byUrl.get(url)
    if (script === undefined) return undefined
    try {
      this.source(script)
      return script
    } catch {
      this.#byUrl.delete(url)
      return undefined
    }
  }

  /** Throws where V8 has thrown the script away: nothing that runs came from it. */
  source(script: Script): string {
    const known = this.#sources.get(script.scriptId)
    if (known !== undefined) return known
    this.#wake()
    const { scriptSource } = this.#inspector.post<{ scriptSource: string }>('Debugger.getScriptSource', {
      scriptId: script.scriptId,
    })
    if (this.#characters + scriptSource.length > sourceCharactersMax) {
      this.#sources.clear()
      this.#characters = 0
    }
    this.#sources.set(script.scriptId, scriptSource)
    this.#characters += scriptSource.length
    return scriptSource
  }

  /** The scripts known so far, in the order in which they were compiled. */
  all(): Script[] {
    return [...this.#byId.values()].sort((a, b) => Number(a.scriptId) - Number(b.scriptId))
  }

  /** Learns the scripts that there are and the text of the program's own, so that the first capture need not. */
  prepare(): void {
    this.#wake()
    const entry = entryUrl(isMainThread ? [] : this.all(), () => false)
    for (const script of this.#byId.values()) if (script.url === entry) this.source(script)
    this.rest()
  }

  /** Leaves V8 at full speed again. */
  rest(): void {
    if (!this.#enabled) return
    this.#enabled = false
    this.#inspector.post('Debugger.disable')
  }

  #wake(): void {
    if (this.#enabled) return
    this.#enabled = true
    this.#inspector.post('Debugger.enable')
    // A `debugger` statement that runs meanwhile would stop this thread for ever.
    this.#inspector.post('Debugger.setSkipAllPauses', { skip: true })
  }
}

let scripts: Scripts | undefined

/** The scripts of this thread. */
export function scriptsOfThread(): Scripts {
  scripts ??= new Scripts(inspectorOfThread())
  return scripts
}
