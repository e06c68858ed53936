import Base
import Checkpoints
import Containers
import Synchronization
import SystemPackage

/// The models that the inputs of a batch stand for.
struct BatchInputs {
  /// A model with the position of its entry in the list of inputs.
  struct Input: Sendable {
    var path: String
    var entry: Int
  }

  private(set) var all: [Input] = []
  private(set) var notes: [Message] = []
  private(set) var errors: [any UserError] = []
  private let context: OperationContext
  /// True if folders are looked through for models.
  private let opensFolders: Bool
  private var found: [FileIdentity: String] = [:]
  private var unreadable: Set<String> = []

  /// - Parameter opensFolders: False for caches, whose folders need not be models.
  init(_ paths: [String], opensFolders: Bool, _ context: OperationContext) throws {
    self.context = context
    self.opensFolders = opensFolders
    let places = try Self.places(paths, context)
    for (place, meaning) in zip(places, try meanings(of: places)) {
      switch meaning {
      // The plan of the model reports that its path cannot be read.
      case .unreadable:
        if unreadable.insert(place.path).inserted {
          all.append(Input(path: place.path, entry: place.entry))
        }
      case .error(let error): errors.append(try asUserError(error))
      case .input(let identity): addOnce(place.path, identity, place.entry)
      case .models(let models):
        let folder = place.path == "/" ? place.path : place.path + "/"
        notes.append("\(folder.printable): \(models.count.counted("model")) in the folder")
        for model in models { addOnce(folder + model.path, model.identity, place.entry) }
      }
    }
  }

  // MARK: Paths

  /// A path without patterns, or an error of the pattern.
  private struct Place: Sendable {
    var path: String
    var entry: Int
    var error: (any Error)?
  }

  private static func places(_ paths: [String], _ context: OperationContext) throws -> [Place] {
    var places: [Place] = []
    for (entry, path) in paths.enumerated() {
      try context.cancellation.check()
      do {
        places += try expanded(path).map { Place(path: $0, entry: entry) }
      } catch {
        places.append(Place(path: path, entry: entry, error: error))
      }
    }
    return places
  }

  /// Returns the paths that a path or a pattern stands for.
  private static func expanded(_ path: String) throws -> [String] {
    guard path != OperationContext.standardInputPath else {
      throw UsageError(
        "a batch does not read a model from standard input",
        hint: "name files or folders; \(setting: "from", "-") reads a list of them")
    }
    var paths = [path]
    if try FileSystem.targetIfPresent(path) == nil, let pattern = PathPattern(path) {
      paths = try pattern.matches()
      guard !paths.isEmpty else {
        throw UsageError("no file or folder matches '\(path.printable)'")
      }
    }
    return paths.map { path in
      var path = path
      while path.count > 1, path.hasSuffix("/") { path.removeLast() }
      return path
    }
  }

  // MARK: Meanings

  /// The meaning of a path.
  private enum Meaning: Sendable {
    /// Itself.
    case input(FileIdentity)
    /// The models in the folder, by their paths inside it.
    case models([(path: String, identity: FileIdentity)])
    /// A path that does not exist or cannot be read, which is an error of this model alone.
    case unreadable
    case error(any Error)
  }

  /// Finds out what paths stand for, several at a time.
  private func meanings(of places: [Place]) throws -> [Meaning] {
    let found = Mutex([Meaning?](repeating: nil, count: places.count))
    try Parallel(jobs: context.jobs, cancellation: context.cancellation).forEach(
      count: places.count, workspaceByteCount: 0
    ) { [context, opensFolders] index, _ in
      let place = places[index]
      let meaning: Meaning
      do {
        if let error = place.error { throw error }
        meaning = try Self.meaning(of: place.path, opensFolders: opensFolders, context)
      } catch let error as FileError where error.path == place.path {
        meaning = .unreadable
      } catch { meaning = .error(error) }
      found.withLock { $0[index] = meaning }
    }
    try context.cancellation.check()
    return found.withLock { $0 }.compactMap(\.self)
  }

  private static func meaning(
    of path: String, opensFolders: Bool, _ context: OperationContext
  ) throws -> Meaning {
    let stat = try FileSystem.stat(path)
    guard stat.type == .directory, opensFolders else { return .input(FileIdentity(stat)) }
    let tree = try InputTree(
      path: path, limit: context.catalogLimit(for: .report), choice: context.choice)
    guard Containers.registry.format(of: tree) != nil, try !Containers.hasWeights(tree)
    else { return .input(FileIdentity(stat)) }
    let listing = try FolderListing(tree)
    guard !listing.isCut else {
      throw UsageError(
        "\(path.printable) contains more than \(FolderListing.maximumPartCount.grouped) models",
        hint: "name them with a pattern such as '\(path.printable)/*', or in a list")
    }
    // The cache of Hugging Face stores the files of its snapshots in folders named blobs.
    let models = listing.models.filter { !$0.split(separator: "/").contains("blobs") }
    // The error of reading the folder states what it contains.
    guard !models.isEmpty else { return .input(FileIdentity(stat)) }
    let folder = path == "/" ? path : path + "/"
    return .models(
      try models.compactMap { model in
        try FileIdentity.ifPresent(folder + model).map { (model, $0) }
      })
  }

  private mutating func addOnce(_ path: String, _ identity: FileIdentity, _ entry: Int) {
    if let first = found[identity] {
      notes.append(
        "\(path.printable) is the same file or folder as \(first.printable) and is used once")
      return
    }
    found[identity] = path
    all.append(Input(path: path, entry: entry))
  }
}
