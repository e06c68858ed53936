import AdaMerging
import Base
import Foundation
import TestSupport
import Testing

/// The state from which a learning goes on after a kill.
@Suite struct LearningJournalTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func journal(key: String = "k") throws -> LearningJournal {
    try LearningJournal(LearningJournal.Place(folder: folder["states"], key: key))
  }

  private static var state: LearningJournal.State {
    var state = LearningJournal.State()
    state.means = [[1.5, 0.1], [1.25, -0.0]]
    state.numbers = [[0.3, 1e-300], [.pi, 2], [0, 5]]
    state.accuracies = [0.75, nil]
    return state
  }

  private static func ignore(_ note: Message) {}

  @Test("a state is read back, with the lines of its steps") func roundTrip() throws {
    let first = try journal()
    #expect(try first.state(note: Self.ignore) == nil)
    #expect(first.isDue)
    first.append("one\n")
    try first.store(Self.state)
    first.append("lost\n")
    let second = try journal()
    var notes: [Message] = []
    let found = try #require(try second.state { notes.append($0) })
    #expect(found.means == Self.state.means && found.numbers == Self.state.numbers)
    #expect(found.accuracies == Self.state.accuracies && found.stepsByteCount == 4)
    #expect("\(notes)".contains("after step 2"))
    #expect(try !second.isComplete)
    second.append("two\n")
    var last = found
    last.isComplete = true
    try second.store(last)
    var text = ""
    try second.forEachPiece { text += $0 }
    #expect(text == "one\ntwo\n")
    #expect(try journal().isComplete)
    try second.remove()
    #expect(try folder.names(in: "states").isEmpty)
  }

  @Test("states of other runs stay as they are") func others() throws {
    try journal().store(Self.state)
    let other = try journal(key: "other")
    var notes: [Message] = []
    #expect(try other.state { notes.append($0) } == nil)
    #expect("\(notes)".contains("1 state of runs with other inputs"))
    try other.remove()
    #expect(try journal().state(note: Self.ignore) != nil)
  }

  @Test("a damaged state is not used", arguments: 0..<24) func damage(part: Int) throws {
    let first = try journal()
    first.append("line\n")
    try first.store(Self.state)
    let names = try folder.names(in: "states")
    let name = "states/" + (try #require(names.first { $0.hasSuffix(LearningJournal.suffix) }))
    var bytes = try folder.bytes(name)
    if part == 0 {
      bytes.removeLast()
    } else if part == 1 {
      bytes = []
    } else {
      bytes[bytes.count * part / 24] ^= 0x10
    }
    try folder.write(bytes, to: name)
    var notes: [Message] = []
    #expect(try journal().state { notes.append($0) } == nil)
    #expect("\(notes)".contains("is damaged"))
  }

  @Test("a state whose lines are missing is not used") func lines() throws {
    let first = try journal()
    first.append("line\n")
    try first.store(Self.state)
    let names = try folder.names(in: "states")
    let name = try #require(names.first { $0.hasSuffix(LearningJournal.stepsSuffix) })
    try folder.write(Array("lin".utf8), to: "states/" + name)
    #expect(try journal().state(note: Self.ignore) == nil)
  }
}
