import SystemPackage

/// The unfinished outputs of processes that were killed.
package enum AbandonedOutputs {
  /// The state of an unfinished output.
  package enum State: Sendable {
    /// Its writer is dead: the lock could be taken.
    case abandoned
    /// A process writes it.
    case inUse
    /// The file system has no locks, so that the writer may be alive on another machine.
    case unknown
  }

  /// An entry of a folder that has the name of an unfinished output.
  package struct Entry: Sendable, Equatable {
    package var name: String
    package var state: State

    package init(name: String, state: State) {
      self.name = name
      self.state = state
    }
  }

  /// Returns the unfinished outputs in a folder in byte order of their names.
  /// - Parameter output: The name of the output to which they belong; nil for all.
  package static func entries(
    in folder: String, of output: String? = nil
  ) throws(FileError) -> [Entry] {
    try visit(folder, of: output) { _ in }
  }

  /// Removes the abandoned outputs in a folder, while holding their locks.
  /// - Returns: All unfinished outputs that were in the folder; the abandoned ones are gone.
  package static func remove(in folder: String) throws(FileError) -> [Entry] {
    try visit(folder, of: nil) { path throws(FileError) in
      do throws(FileError) { try FileSystem.removeTree(path) } catch {
        // A writer that found the lock held removes its file as well.
        guard try FileSystem.typeIfPresent(path) == nil else { throw error }
      }
    }
  }

  /// Calls `body` with the path of each abandoned output while its lock is held.
  private static func visit(
    _ folder: String, of output: String?, _ body: (String) throws(FileError) -> Void
  ) throws(FileError) -> [Entry] {
    var entries: [Entry] = []
    for name in try FileSystem.names(in: folder)
    where output.map({ PartialName.isPartial(name, of: $0) }) ?? PartialName.isPartial(name) {
      let path = folder + "/" + name
      // The lock is held until the entry is removed. A writer that has not locked it yet starts anew.
      guard let type = try FileSystem.typeIfPresent(path), type == .regular || type == .directory,
        let lock = try EntryLock.taken(on: path, type)
      else { continue }
      let state: State =
        switch lock.outcome {
        case .taken: .abandoned
        case .held: .inUse
        case .unsupported: .unknown
        }
      try withExtendedLifetime(lock) { () throws(FileError) in
        if state == .abandoned { try body(path) }
      }
      entries.append(Entry(name: name, state: state))
    }
    return entries
  }
}
