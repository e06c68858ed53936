package import Base
import Synchronization
import SystemPackage

/// Outputs that are written under temporary names first and then appear together.
package final class OutputGroup: Sendable {
  private struct Member: Sendable {
    var output: AtomicOutput
    var partial: PartialFile
  }

  /// The way in which an output got its name.
  private enum Appearance {
    case created
    /// The replaced output has the temporary name now. Its lock keeps others from removing it as abandoned, since it may
    /// have to come back.
    case exchanged(EntryLock?)
    /// The replaced output is gone.
    case replaced
  }

  private let members = Mutex<[Member]>([])

  package init() {}

  func add(_ output: AtomicOutput, _ partial: PartialFile) {
    members.withLock { $0.append(Member(output: output, partial: partial)) }
  }

  /// Returns the temporary path of a written output.
  package func temporaryPath(of path: String) -> String? {
    members.withLock { members in members.first { $0.output.path == path }?.partial.path }
  }

  /// Gives every output its name. If that fails for one of them, those before it are taken back, except that a file
  /// which replaces another one alone stays.
  /// - Returns: Warnings about old outputs that could not be removed.
  /// - Throws: ``ChangedInputError`` if an input changed while it was read.
  @discardableResult
  package func commit() throws -> [Message] {
    let members = members.withLock { $0 }
    var appeared: [(Member, Appearance)] = []
    do {
      for input in Set(members.flatMap(\.output.inputs)) { try input.file?.checkUnchanged() }
      for member in members { try member.partial.checkPresent() }
      for member in members {
        appeared.append((member, try appear(member, isAlone: members.count == 1)))
      }
      for folder in Set(members.map { FileSystem.parent(of: $0.output.path) }).sorted() {
        try FileSystem.syncDirectory(folder)
      }
    } catch {
      for (member, appearance) in appeared.reversed() { Self.takeBack(member, appearance) }
      discard()
      throw error
    }
    self.members.withLock { $0 = [] }
    return appeared.compactMap { member, appearance in
      guard case .exchanged = appearance else { return nil }
      return Self.removeReplaced(member)
    }
  }

  /// Removes all temporary files.
  package func discard() {
    for member in members.withLock({ $0 }) { member.partial.remove() }
    members.withLock { $0 = [] }
  }

  private func appear(_ member: Member, isAlone: Bool) throws -> Appearance {
    let (output, partial) = (member.output, member.partial)
    let isFolder = partial.file == nil
    var outcome = try FileSystem.renameUnlessPresent(partial.path, to: output.path)
    if outcome == .unsupported, !isFolder {
      outcome = try FileSystem.linkUnlessPresent(partial.path, to: output.path)
    }
    switch outcome {
    case .renamed: return .created
    case .unsupported:
      // Check again that the replacement is allowed. A folder is never renamed over one with content.
      guard try FileSystem.typeIfPresent(output.path) == nil else { break }
      try FileSystem.rename(partial.path, to: output.path)
      return .created
    case .present: break
    }
    guard output.replacesExisting else { throw OutputExistsError(path: output.path) }
    if isFolder || !isAlone {
      let lock = try? EntryLock.taken(on: output.path, isFolder ? .directory : .regular)
      if try FileSystem.exchange(partial.path, with: output.path) { return .exchanged(lock) }
    }
    guard !isFolder else {
      throw FileError("exchange with its replacement", output.path, .notSupported)
    }
    try FileSystem.rename(partial.path, to: output.path)
    return .replaced
  }

  private static func takeBack(_ member: Member, _ appearance: Appearance) {
    let (output, partial) = (member.output, member.partial)
    guard (try? FileIdentity.ofEntryIfPresent(output.path)) == partial.identity else { return }
    switch appearance {
    case .created: try? FileSystem.rename(output.path, to: partial.path)
    case .exchanged: _ = try? FileSystem.exchange(partial.path, with: output.path)
    case .replaced: break
    }
  }

  /// Removes the old output, which has the temporary name after an exchange.
  /// - Returns: A warning if it cannot be removed.
  private static func removeReplaced(_ member: Member) -> Message? {
    do {
      try FileSystem.removeTree(member.partial.path)
      return nil
    } catch {
      // Another process that removes abandoned outputs may have been faster.
      let isGone = try? FileSystem.typeIfPresent(member.partial.path) == nil
      if isGone == true { return nil }
      return
        "\(member.output.path.printable) is complete, but the old one cannot be removed: \(error)"
    }
  }
}
