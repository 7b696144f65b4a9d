// The version of the program, as `weir version`, the log and the package say it. A test compares it with package.json.

export const VERSION = '0.1.0'
