import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type ChoosablePath,
  choose,
  IPV6_BONUS_MS,
  LAN_BONUS_MS,
  MARGIN,
  PROBATION,
  RIVALRY,
  type Rival,
  type Silence,
  suspectAtMs,
  trustedUntilMs
} from '../../../src/traversal/paths/choose.ts'
import { lan, NOW, path, relay, tcp, v6 } from './choosable.ts'

const lapsed = { trustedUntilMs: NOW }
const unvalidated = { validated: false }

/** What it says, the paths, the one in use, the one to use, why it is another. */
type Row = readonly [string, readonly ChoosablePath[], string | undefined, string | undefined, string | undefined]

const rows: readonly Row[] = [
  ['nothing is there', [], undefined, undefined, 'first'],
  ['the first one', [relay('r')], undefined, 'r', 'first'],
  ['one that is not validated is not used', [path('d', unvalidated)], undefined, undefined, 'first'],
  ['not even where the one in use is gone', [path('d', unvalidated)], 'x', undefined, 'gone'],
  ['all is well', [path('d')], 'd', 'd', undefined],

  ['direct before relay, at once', [relay('r', { rttMs: 1 }), path('d', { rttMs: 500 })], 'r', 'd', 'validated'],
  ['direct TCP before relay', [relay('r', { rttMs: 1 }), tcp('t', { rttMs: 500 })], 'r', 't', 'validated'],
  ['UDP before TCP, at once', [tcp('t', { rttMs: 10 }), path('d')], 't', 'd', 'validated'],
  ['never back for speed', [relay('r', { rttMs: 1 }), tcp('t', { rttMs: 1 }), path('d')], 'd', 'd', undefined],
  [
    'UDP by the internet before TCP in the LAN',
    [tcp('t', { scope: 'lan', rttMs: 1 }), path('d')],
    't',
    'd',
    'validated'
  ],
  ['direct that is not validated waits', [relay('r'), path('d', unvalidated)], 'r', 'r', undefined],
  ['direct that is not trusted waits', [relay('r'), path('d', lapsed)], 'r', 'r', undefined],

  ['LAN before WAN, at once', [path('d'), lan('l', { rttMs: 1 })], 'd', 'l', 'validated'],
  ['LAN up to its bonus slower', [path('d'), lan('l', { rttMs: 40 + LAN_BONUS_MS })], 'd', 'l', 'validated'],
  ['a LAN that is slower still is a VPN', [path('d'), lan('l', { rttMs: 41 + LAN_BONUS_MS })], 'd', 'd', undefined],
  ['LAN before IPv6', [v6('6'), lan('l')], '6', 'l', 'validated'],
  ['IPv6 in the LAN before IPv4 there', [lan('l'), lan('6', { family: 6 })], 'l', '6', 'validated'],
  ['no LAN for the internet', [lan('l'), v6('6')], 'l', 'l', undefined],
  ['IPv6 before IPv4, at once', [path('d'), v6('6')], 'd', '6', 'validated'],
  ['IPv6 up to its bonus slower', [path('d'), v6('6', { rttMs: 40 + IPV6_BONUS_MS })], 'd', '6', 'validated'],
  ['IPv6 that is slower still', [path('d'), v6('6', { rttMs: 41 + IPV6_BONUS_MS })], 'd', 'd', undefined],
  ['IPv4 as fast as the IPv6 in use', [path('d'), v6('6')], '6', '6', undefined],
  ['of all at first sight', [relay('r'), tcp('t'), path('d'), v6('6'), lan('l')], undefined, 'l', 'first'],
  ['of two alike the faster', [path('a', { rttMs: 41 }), path('b')], undefined, 'b', 'first'],
  ['one that was measured', [path('a', { rttMs: undefined }), path('b')], undefined, 'b', 'first'],
  [
    'of two equal ones the older',
    [path('a', { validatedAtMs: 2 }), path('b', { validatedAtMs: 1 })],
    undefined,
    'b',
    'first'
  ],
  ['of two twins one, the same each time', [path('b'), path('a')], undefined, 'a', 'first'],
  ['the cheaper relay', [relay('a', { rttMs: 200 }), relay('b')], undefined, 'b', 'first'],
  [
    'a relay by IPv6 in the LAN is no better',
    [relay('a'), relay('b', { family: 6, scope: 'lan' })],
    'a',
    'a',
    undefined
  ],
  ['a faster one is not taken at once', [path('a', { rttMs: 400 }), path('b')], 'a', 'a', undefined],

  ['silent', [path('d', lapsed), relay('r')], 'd', 'r', 'silent'],
  ['silent, and another direct one is there', [path('d', lapsed), relay('r'), tcp('t')], 'd', 't', 'silent'],
  ['silent, and nothing else: kept', [path('d', lapsed)], 'd', 'd', 'silent'],
  [
    'silent, and the others are no better',
    [path('d', lapsed), lan('l', lapsed), lan('m', unvalidated)],
    'd',
    'd',
    'silent'
  ],
  ['gone', [relay('r')], 'd', 'r', 'gone'],
  ['gone, and one that was trusted once is left', [relay('r', lapsed), path('x', unvalidated)], 'd', 'r', 'gone'],
  ['gone, and none is left', [], 'd', undefined, 'gone'],
  ['one in use that was never validated', [path('x', unvalidated), relay('r')], 'x', 'r', 'validated'],
  ['the same, and nothing else', [path('x', unvalidated)], 'x', 'x', 'silent'],

  ['a first failure is free', [relay('r'), path('d', { lapses: 1, validatedAtMs: NOW })], 'r', 'd', 'validated'],
  [
    'a second is not',
    [relay('r'), path('d', { lapses: 2, validatedAtMs: NOW - PROBATION.firstMs + 1 })],
    'r',
    'r',
    undefined
  ],
  [
    'until it has held',
    [relay('r'), path('d', { lapses: 2, validatedAtMs: NOW - PROBATION.firstMs })],
    'r',
    'd',
    'validated'
  ],
  [
    'a third: twice as long',
    [relay('r'), path('d', { lapses: 3, validatedAtMs: NOW - PROBATION.firstMs })],
    'r',
    'r',
    undefined
  ],
  [
    'at most a minute',
    [relay('r'), path('d', { lapses: 99, validatedAtMs: NOW - PROBATION.mostMs })],
    'r',
    'd',
    'validated'
  ],
  ['better than a dead one', [relay('r', lapsed), path('d', { lapses: 9, validatedAtMs: NOW })], 'r', 'd', 'silent'],
  ['not than one that holds', [relay('r'), path('d', { lapses: 9, validatedAtMs: NOW })], 'x', 'r', 'gone'],
  [
    'the one in use is not on probation',
    [relay('r'), path('d', { lapses: 9, validatedAtMs: NOW })],
    'd',
    'd',
    undefined
  ]
]
for (const [what, paths, current, use, reason] of rows) {
  test(what, () => {
    const choice = choose(paths, current, NOW)
    assert.deepEqual([choice.use, choice.reason], [use, reason])
  })
}

const faster: ReadonlyArray<readonly [string, ChoosablePath, ChoosablePath, boolean]> = [
  ['a millisecond', path('a'), path('b', { rttMs: 39 }), false],
  ['the margin itself', path('a'), path('b', { rttMs: 40 - MARGIN.ms }), false],
  ['more than the margin', path('a'), path('b', { rttMs: 39 - MARGIN.ms }), true],
  ['the margin of a long way is a share', path('a', { rttMs: 200 }), path('b', { rttMs: 151 }), false],
  ['and more than that', path('a', { rttMs: 200 }), path('b', { rttMs: 149 }), true],
  ['within a LAN nothing is', lan('a', { rttMs: 9 }), lan('b', { rttMs: 0 }), false],
  ['the internet, before a VPN', lan('a', { rttMs: 80 }), path('b', { rttMs: 39 }), true],
  ['a relay of two', relay('a', { rttMs: 200 }), relay('b'), true],
  ['one that was measured, of relays', relay('a', { rttMs: undefined }), relay('b'), true],
  ['one that was not', relay('a'), relay('b', { rttMs: undefined }), false],
  ['neither was', relay('a', { rttMs: undefined }), relay('b', { rttMs: undefined }), false],
  ['one on probation', path('a', { rttMs: 200 }), path('b', { lapses: 5, validatedAtMs: NOW }), false]
]
for (const [what, inUse, other, worth] of faster) {
  test(`better by ${what}: ${worth ? 'a rival' : 'not worth a change'}`, () => {
    const rival = { id: 'b', current: 'a', sinceMs: NOW, samples: other.rttSamples, currentSamples: inUse.rttSamples }
    assert.deepEqual(choose([inUse, other], 'a', NOW).rival, worth ? rival : undefined)
  })
}

const began: Rival = { id: 'b', current: 'a', sinceMs: NOW - RIVALRY.ms, samples: 2, currentSamples: 2 }
const slow = path('a', { rttMs: 100 })
const ripe: ReadonlyArray<readonly [string, Rival, readonly ChoosablePath[], string]> = [
  ['for long enough, and measured', began, [slow, path('b')], 'b'],
  ['not for long enough', { ...began, sinceMs: began.sinceMs + 1 }, [slow, path('b')], 'a'],
  ['not measured meanwhile', { ...began, samples: 3 }, [slow, path('b')], 'a'],
  ['nor the one in use', { ...began, currentSamples: 3 }, [slow, path('b')], 'a'],
  ['but not any more', began, [slow, path('b', { rttMs: 90 })], 'a'],
  ['before another one was in use', { ...began, current: 'c' }, [slow, path('b')], 'a'],
  ['but another one is better still', began, [slow, path('b'), path('c', { rttMs: 10 })], 'c']
]
for (const [what, rival, paths, use] of ripe) {
  test(`a rival that was better ${what}: ${use}`, () => {
    const choice = choose(paths, 'a', NOW, rival)
    assert.deepEqual([choice.use, choice.reason], [use, use === 'a' ? undefined : 'better'])
  })
}

test('a rival that falls back for once begins anew', () => {
  assert.equal(choose([slow, path('b', { rttMs: 90 })], 'a', NOW, began).rival, undefined)
  assert.equal(choose([slow, path('b')], 'a', NOW).rival?.sinceMs, NOW)
})

const quiet: Silence = { heardAtMs: 1_000, unansweredSinceMs: undefined, rttMs: 40, keepaliveMs: 15_000 }
const silences: ReadonlyArray<readonly [string, Silence, number, number]> = [
  ['idle', quiet, Number.POSITIVE_INFINITY, 26_000],
  ['active', { ...quiet, unansweredSinceMs: 1_200 }, 1_700, 2_700],
  ['active after a long silence', { ...quiet, unansweredSinceMs: 14_000 }, 14_500, 15_500],
  ['active when it was to be heard of', { ...quiet, unansweredSinceMs: 25_500 }, 26_000, 26_000],
  ['a long way', { ...quiet, rttMs: 600, unansweredSinceMs: 1_000 }, 2_800, 4_500],
  ['not measured', { ...quiet, rttMs: undefined, unansweredSinceMs: 1_000 }, 1_500, 2_500]
]
for (const [what, silence, suspect, trusted] of silences) {
  test(`silence, ${what}: suspected and given up`, () => {
    assert.deepEqual([suspectAtMs(silence), trustedUntilMs(silence)], [suspect, trusted])
  })
}
