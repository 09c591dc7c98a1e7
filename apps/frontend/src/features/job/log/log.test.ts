import { describe, expect, it } from 'vitest'
import { LogBuffer } from './LogBuffer'
import { plain, spansOf } from './ansi'

const E = '\u001b'

describe('LogBuffer', () => {
  const all = (log: LogBuffer) => Array.from({ length: log.length }, (_, index) => log.line(index))

  it('joins lines over parts, and takes no part twice', () => {
    const log = new LogBuffer()
    log.append(0, 6, 'one\ntw')
    expect(all(log)).toEqual(['one', 'tw'])
    log.append(6, 8, 'o\n')
    log.append(0, 6, 'one\ntw')
    log.append(6, 8, 'o\n')
    expect(all(log)).toEqual(['one', 'two'])
  })

  it('shows of a progress bar what a terminal shows', () => {
    const log = new LogBuffer()
    log.append(0, 20, '10%\r50%\r100%\ndos\r\n')
    expect(all(log)).toEqual(['100%', 'dos'])
  })

  it('finds text whatever the case, and errors', () => {
    const log = new LogBuffer()
    log.append(0, 50, 'Epoch 1 (50%)\nValueError: no\nepoch 2\nterror\n')
    expect(log.find('EPOCH')).toEqual([0, 2])
    expect(log.find('(50%)')).toEqual([0])
    expect(log.find('')).toEqual([])
    expect(log.errors()).toEqual([1])
    log.append(50, 70, 'EPOCH 3\nKilled')
    expect(log.find('EPOCH')).toEqual([0, 2, 4])
    expect(log.errors()).toEqual([1, 5])
    log.append(70, 75, ' it\n')
    expect(log.errors()).toEqual([1, 5])
  })
})

describe('spansOf', () => {
  it('makes classes of colours and drops every other escape', () => {
    expect(spansOf(`a${E}[1;31mb${E}[0mc${E}[2K${E}]0;title\u0007d`)).toEqual([
      { text: 'a', style: '' },
      { text: 'b', style: 'ansi-red ansi-bold' },
      { text: 'c', style: '' },
      { text: 'd', style: '' },
    ])
  })

  it('passes over colours beyond the sixteen without taking their numbers for styles', () => {
    expect(spansOf(`${E}[38;5;1mx${E}[38;2;1;4;31my`)).toEqual([
      { text: 'x', style: '' },
      { text: 'y', style: '' },
    ])
  })

  it('leaves markup as text, and no escape however broken', () => {
    expect(spansOf(`<b>${E}[`)).toEqual([{ text: '<b>[', style: '' }])
    expect(plain(`${E}[32mok${E}[0m`)).toBe('ok')
  })
})
