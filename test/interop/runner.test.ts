import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cellName, matrix, needed, RELAYS } from '../../interop/runner/matrix.ts'
import { readOptions } from '../../interop/runner/options.ts'
import { parseReport } from '../../interop/runner/run-cell.ts'
import { hasFailed, table } from '../../interop/runner/table.ts'

describe('the hole-punch matrix', () => {
  const cells = matrix()

  test('has us in both roles, with everyone, at every relay', () => {
    for (const other of ['js', 'go', 'rust'] as const) {
      for (const pair of [
        { dialer: 'js', listener: other },
        { dialer: other, listener: 'js' }
      ] as const) {
        const relays = matrix({ dialer: [pair.dialer], listener: [pair.listener], transport: ['quic-v1'] }).map(
          cell => cell.relay
        )
        assert.deepEqual(relays, [...RELAYS], `${pair.dialer} x ${pair.listener}`)
      }
    }
  })

  test('has the others among each other, once, as the reference', () => {
    const reference = cells.filter(({ dialer, listener }) => dialer !== 'js' && listener !== 'js').map(cellName)
    assert.equal(reference.length, 8)
    assert.ok(reference.includes('go x rust (tcp, relay go)'))
    assert.ok(reference.includes('rust x rust (quic-v1, relay rust)'))
  })

  test('names each cell once', () => {
    assert.equal(new Set(cells.map(cellName)).size, cells.length)
  })

  test('needs only what its cells name', () => {
    assert.deepEqual(needed(matrix({ dialer: ['js', 'go'], listener: ['js', 'go'], relay: ['js', 'go'] })), [
      'js',
      'go'
    ])
    assert.deepEqual(needed(matrix({ dialer: ['js'], listener: ['js'], relay: ['rust'] })), ['js', 'rust'])
  })
})

describe('its options', () => {
  test('filter', () => {
    const { filter, times, delayMs } = readOptions(['--dialer', 'js,go', '--times', '20'])
    assert.deepEqual({ filter, times, delayMs }, { filter: { dialer: ['js', 'go'] }, times: 20, delayMs: 20 })
  })

  const wrong: [string[], RegExp][] = [
    [['--dialer', 'perl'], /not 'perl'/],
    [['--relay', 'go-0.40'], /not 'go-0.40'/],
    [['--times', '0'], /--times/],
    [['--delay', '-1'], /--delay/],
    [['--fast'], /--fast/]
  ]
  for (const [args, message] of wrong) {
    test(`refuse ${args.join(' ')}`, () => {
      assert.throws(() => readOptions(args), { message })
    })
  }
})

describe('its table', () => {
  const [cell] = matrix({ dialer: ['go'], listener: ['rust'], transport: ['tcp'] })
  const took = (handshakeMs: number) => ({ ok: true, timings: { handshakeMs, fromDialMs: handshakeMs + 100 } }) as const
  const lost = { ok: false, reason: 'the dialer ended with 1', logs: '' } as const

  const rows: [string, readonly (ReturnType<typeof took> | typeof lost)[], string, boolean][] = [
    ['one run', [took(300)], '1/1 | 300 | 400', false],
    ['an odd number: the one in the middle', [took(500), took(300), took(310)], '3/3 | 310 (500) | 410 (600)', false],
    ['an even number: between the two', [took(300), took(500)], '2/2 | 400 (500) | 500 (600)', false],
    ['a failure has no time', [took(300), lost], '1/2 | 300 | 400', true],
    ['nothing passed', [lost], '0/1 | - | -', true]
  ]
  for (const [name, outcomes, expected, failed] of rows) {
    test(name, () => {
      const result = { cell: cell!, outcomes }
      assert.equal(table([result]).split('\n')[2], `| go | rust | go | tcp | ${expected} |`)
      assert.equal(hasFailed(result), failed)
    })
  }
})

describe('a result', () => {
  test('is YAML with a time in milliseconds', () => {
    const yaml = '# go-libp2p dialer\nhandshakeTime: 12.50\nfromDial: 99.00\nunit: ms\n'
    assert.deepEqual(parseReport(yaml), { handshakeMs: 12.5, fromDialMs: 99 })
  })

  test('is none without the time, or with another unit', () => {
    assert.equal(parseReport(''), undefined)
    assert.equal(parseReport('unit: ms\n'), undefined)
    assert.equal(parseReport('handshakeTime: 12.5\nunit: s\n'), undefined)
  })
})
