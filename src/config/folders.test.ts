// The folders of each platform, wrong variables first.

import { expect, test } from 'bun:test'
import { configFolders, dataFolder } from './folders.ts'

function around(platform: NodeJS.Platform, environment: Record<string, string> = {}) {
  const isWindows = platform === 'win32'
  const home = isWindows ? 'C:\\Users\\u' : '/home/u'
  return { environment, platform, home, workingFolder: isWindows ? 'D:\\w' : '/w' }
}

test('relative XDG folders are ignored, as their specification says', () => {
  const surroundings = around('linux', { XDG_DATA_HOME: 'x', XDG_CONFIG_HOME: '' })
  expect(dataFolder(surroundings, undefined)).toBe('/home/u/.local/share/weir')
  expect(configFolders(surroundings)).toEqual(['/home/u/.config/weir'])
})

test('an empty WEIR_DATA counts as unset', () => {
  expect(dataFolder(around('linux', { WEIR_DATA: '' }), undefined)).toBe(
    '/home/u/.local/share/weir',
  )
})

test.each([
  ['linux', {}, '/home/u/.local/share/weir'],
  ['linux', { XDG_DATA_HOME: '/x' }, '/x/weir'],
  ['freebsd', {}, '/home/u/.local/share/weir'],
  ['darwin', {}, '/home/u/Library/Application Support/weir'],
  ['darwin', { XDG_DATA_HOME: '/x' }, '/x/weir'],
  ['win32', {}, 'C:\\Users\\u\\AppData\\Local\\weir'],
  ['win32', { LOCALAPPDATA: 'E:\\l' }, 'E:\\l\\weir'],
  ['linux', { WEIR_DATA: 'd' }, '/w/d'],
  ['win32', { WEIR_DATA: 'd' }, 'D:\\w\\d'],
] as const)('data on %s with %p', (platform, environment, wanted) => {
  expect(dataFolder(around(platform, environment), undefined)).toBe(wanted)
})

test('the flag stands above the variable', () => {
  expect(dataFolder(around('linux', { WEIR_DATA: '/e' }), 'f')).toBe('/w/f')
})

test.each([
  ['linux', { XDG_CONFIG_HOME: '/x' }, ['/x/weir']],
  ['darwin', {}, ['/home/u/Library/Application Support/weir', '/home/u/.config/weir']],
  ['darwin', { XDG_CONFIG_HOME: '/x' }, ['/x/weir', '/home/u/Library/Application Support/weir']],
  ['win32', {}, ['C:\\Users\\u\\AppData\\Roaming\\weir']],
  ['win32', { APPDATA: 'E:\\r' }, ['E:\\r\\weir']],
] as const)('configuration on %s with %p', (platform, environment, wanted) => {
  expect(configFolders(around(platform, environment))).toEqual([...wanted])
})
