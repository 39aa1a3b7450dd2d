import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../src/core/clock.ts'
import { summaryOf } from '../../src/nat/summary.ts'
import { NodeExperience, openExperience } from '../../src/node/experience.ts'
import { WHAT_WORKED, WhatWorked } from '../../src/traversal/what-worked.ts'
import { report } from '../traversal/reports.ts'

const MINE = summaryOf(report())
const THEIRS = { ...MINE, publicAddresses: ['11.3.0.10'] }
const NOWHERE = { ...MINE, publicAddresses: [] }

describe('what worked between the networks of a node and its peers', () => {
  it('is known the next time, and of these two networks only', () => {
    const experience = new NodeExperience({ memory: new WhatWorked(), clock: new VirtualClock() })
    experience.remember(MINE, THEIRS, 'birthday')
    experience.remember(MINE, NOWHERE, 'punch-tcp')
    assert.equal(experience.recall(MINE, THEIRS), 'birthday')
    assert.equal(experience.recall(MINE, MINE), undefined)
    assert.equal(experience.recall(MINE, NOWHERE), undefined)
  })

  it('is forgotten when it does not work again', () => {
    const experience = new NodeExperience({ memory: new WhatWorked(), clock: new VirtualClock() })
    experience.remember(MINE, THEIRS, 'birthday')
    experience.forget(MINE, THEIRS)
    assert.equal(experience.recall(MINE, THEIRS), undefined)
  })

  it('is forgotten in time', () => {
    let wallMs = 0
    const experience = new NodeExperience({ memory: new WhatWorked(), clock: new VirtualClock(), wallMs: () => wallMs })
    experience.remember(MINE, THEIRS, 'birthday')
    wallMs = WHAT_WORKED.lifetimeMs
    assert.equal(experience.recall(MINE, THEIRS), undefined)
  })

  it('is written once for all that is found in a few seconds, and when the node stops', async () => {
    const clock = new VirtualClock()
    let saves = 0
    const file = { save: async () => void saves++ }
    const experience = new NodeExperience({ memory: new WhatWorked(), file, clock })
    for (const technique of ['direct', 'punch-quic', 'local']) experience.remember(MINE, THEIRS, technique)
    await clock.advance(60_000)
    assert.equal(saves, 1)
    await experience.stop()
    assert.equal(saves, 1)
    experience.remember(MINE, THEIRS, 'direct')
    await experience.stop()
    assert.deepEqual([saves, clock.pending], [2, 0])
  })

  it('is in the file that was asked for, and there for the next node', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'beeline-experience-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'worked.json')
    const onProblem = (problem: Error) => assert.fail(problem)
    const before = await openExperience(path, onProblem)
    before.remember(MINE, THEIRS, 'predict')
    await before.stop()
    assert.match(await readFile(path, 'utf8'), /predict/)
    const after = await openExperience(path, onProblem)
    assert.equal(after.recall(MINE, THEIRS), 'predict')
    await after.stop()
  })
})
