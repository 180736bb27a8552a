import { CaptureError } from '../../wire/errors/index.ts'

/** Where a value stands, seen from the function that is captured: a variable and what follows it. */
export interface Path {
  parent: Path | undefined
  /** Empty for the captured function itself. */
  text: string
  /** The function that uses it, as its reader would call it. */
  user: string
  /** Said of what stands at the path: it is no part of the variable's name. */
  remark?: boolean
}

export const rootPath = (user: string): Path => ({ parent: undefined, text: '', user })

/** A variable of a function. */
export const variablePath = (name: string, user: string, parent: Path): Path => ({
  parent: undefined,
  text: name,
  user: user || parent.user,
})

/** A property of what stands at a path. */
export function propertyPath(parent: Path, key: string | symbol | number): Path {
  const text =
    typeof key === 'symbol'
      ? `[${key.description === undefined ? 'a symbol' : key.description}]`
      : typeof key === 'number' || /^\d+$/.test(key)
        ? `[${key}]`
        : /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
          ? `.${key}`
          : `[${JSON.stringify(key)}]`
  return { parent, text, user: parent.user }
}

/** Something else that is reached from what stands at a path: `the key of`, `the prototype of`, … */
export const partPath = (parent: Path, part: string): Path => ({ parent, text: ` (${part})`, user: parent.user })

/** `cfg.db`: as a user would write it. */
export function pathText(path: Path, remarks = true): string {
  let text = ''
  for (let one: Path | undefined = path; one !== undefined; one = one.parent)
    if (remarks || !one.remark) text = one.text + text
  return text.startsWith('.') ? text.slice(1) : text
}

/**
 * The error for what cannot travel. It names the variable, the function that uses it, why it cannot, and the way out.
 * @param reason completes "`db` cannot travel: it …": 'is a Socket, which lives in this process only'
 * @param advice a sentence that says what to do instead
 */
export function cannotTravel(path: Path, reason: string, advice: string, cause?: unknown): Error {
  const variable = pathText(path)
  const functionName = path.user
  const user = functionName === '' ? 'an anonymous function' : `\`${functionName}\``
  const what =
    variable === ''
      ? `${user} cannot travel: it ${reason}`
      : `\`${variable}\`, used by ${user}, cannot travel: it ${reason}`
  return new CaptureError(`${what}. ${advice}`, {
    variable: pathText(path, false) || functionName,
    functionName,
    reason,
    advice,
    ...(cause === undefined ? {} : { cause }),
  })
}
