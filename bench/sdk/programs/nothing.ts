const nothing: Record<string, number> = {}
console.log(JSON.stringify(nothing))
