import Base
import Checkpoints
import Containers
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

  /// - Parameter opensFolders: False for caches, whose folders need not be models.
  init(_ paths: [String], opensFolders: Bool, _ context: OperationContext) throws {
    self.context = context
    self.opensFolders = opensFolders
    for (entry, path) in paths.enumerated() {
      try context.cancellation.check()
      do { try add(path, entry: entry) } catch { errors.append(try asUserError(error)) }
    }
  }

  private mutating func add(_ path: String, entry: Int) throws {
    guard path != OperationContext.standardInputPath else {
      throw UsageError(
        "a batch does not read a model from standard input",
        hint: "name files or folders; \(setting: "from", "-") reads a list of them")
    }
    if try FileSystem.targetIfPresent(path) == nil, let pattern = PathPattern(path) {
      let paths = try pattern.matches()
      guard !paths.isEmpty else {
        throw UsageError("no file or folder matches '\(path.printable)'")
      }
      for path in paths { try addExisting(path, entry: entry) }
    } else {
      try addExisting(path, entry: entry)
    }
  }

  private mutating func addExisting(_ path: String, entry: Int) throws {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    let stat = try FileSystem.stat(path)
    guard stat.type == .directory, opensFolders else {
      return addOnce(path, FileIdentity(stat), entry)
    }
    let tree = try InputTree(
      path: path, limit: context.catalogLimit(for: .report), choice: context.choice)
    guard Containers.registry.format(of: tree) != nil else {
      return addOnce(path, FileIdentity(stat), entry)
    }
    guard try !Containers.hasWeights(tree) else {
      return addOnce(path, FileIdentity(stat), entry)
    }
    // The cache of Hugging Face stores the files of its snapshots in folders named blobs.
    let models = try FolderListing(tree).models.filter {
      !$0.split(separator: "/").contains("blobs")
    }
    // The error of reading the folder states what it contains.
    guard !models.isEmpty else { return addOnce(path, FileIdentity(stat), entry) }
    let place = path == "/" ? path : path + "/"
    notes.append("\(place.printable): \(models.count.counted("model")) in the folder")
    for model in models {
      let inner = place + model
      guard let identity = try FileIdentity.ifPresent(inner) else { continue }
      addOnce(inner, identity, entry)
    }
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
