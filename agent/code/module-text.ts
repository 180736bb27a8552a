import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parse as lex } from 'es-module-lexer'
import type { Environment, LinkTarget, ModuleRecord } from '../../wire/code/format.ts'

/** How modules are asked for by key. No URL: Node 22 refuses schemes that it does not know when a module is required. */
export const byKey = 'shoal-code/'
/** The key of the module through which the tails of modules reach the loader. */
export const registryKey = 'registry'

interface Keyed {
  key: string
  record: ModuleRecord
}

/** What goes under a module's text: a way in for captured code, and whose `import.meta` it has. */
export function tail(key: string): string {
  return (
    `\n;import{meta as $shoalMeta,evaluated as $shoalEvaluated}from"${byKey}${registryKey}"` +
    `;import*as $shoalSelf from"${byKey}${key}"` +
    `;function $imeta(){return $shoalMeta("${key}")}` +
    `$shoalEvaluated("${key}",$shoalText=>eval($shoalText),$shoalSelf)`
  )
}

export function esModuleText({ key, record: { text, url } }: Keyed): string {
  return `${withoutImportMeta(text)}${tail(key)}\n//# sourceURL=${url}`
}

/** `import.meta` becomes a call of the same length, so that it is that of the file the module was. */
function withoutImportMeta(text: string): string {
  if (!text.includes('import')) return text
  let changed = ''
  let at = 0
  for (const one of lex(text)[0]) {
    if (one.type !== 'import-meta') continue
    changed += `${text.slice(at, one.importStart)}$imeta()`.padEnd(changed.length + one.importEnd - at)
    at = one.importEnd
  }
  return changed + text.slice(at)
}

/** How ES modules see a CommonJS one. */
export function facade({ key, record: { names } }: Keyed): string {
  const lines = [
    `import{commonjs as $shoalCommonJs}from"${byKey}${registryKey}"`,
    `const $m=$shoalCommonJs("${key}")`,
    'export default $m',
  ]
  if (Number(process.versions.node.split('.')[0]) >= 23) lines.push('export{$m as "module.exports"}')
  names.forEach((name, i) => {
    if (name !== 'module.exports')
      lines.push(`const $${i}=$m?.[${JSON.stringify(name)}];export{$${i} as ${JSON.stringify(name)}}`)
  })
  return lines.join('\n')
}

/** `import.meta` as Node would make it for a file. */
export function importMeta(url: string): object {
  const meta = Object.create(null) as Record<string, unknown>
  if (url.startsWith('file:')) {
    const filename = fileURLToPath(url)
    meta.dirname = filename.replace(/[\\/][^\\/]*$/, '')
    meta.filename = filename
  }
  meta.main = false
  meta.resolve = (specifier: string) => {
    if (/^\.{0,2}\//.test(specifier) || URL.canParse(specifier)) return new URL(specifier, url).href
    return pathToFileURL(createRequire(url).resolve(specifier)).href
  }
  meta.url = url
  return meta
}

/** The text of a module that only imports, for what is compiled in it to see. `isJson` says which imports are JSON. */
export function environmentText(
  key: string,
  imports: Environment['imports'],
  isJson: (target: LinkTarget) => boolean,
): string {
  const lines = imports.map(([local, target, imported], i) => {
    const names = imported === '*' ? `* as ${local}` : `{${JSON.stringify(imported)} as ${local}}`
    return `import ${names} from "${i}"${isJson(target) ? ' with {type:"json"}' : ''}`
  })
  return `${lines.join('\n')}${tail(key)}`
}
