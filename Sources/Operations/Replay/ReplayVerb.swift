import Base
import Checkpoints
import Codecs
import Training

/// The reason why a step of a lineage cannot be replayed.
struct ReplayGap: Error, Equatable {
  var reason: String

  init(_ reason: String) { self.reason = reason }
}

/// A file that a command needs beside its inputs, such as a recipe.
struct ReplayFile: Equatable, Sendable {
  var path: String
  /// The lines of the file, without line feeds.
  var lines: [String]
}

/// The spelling of a verb: how the options and inputs of a step of a lineage become words of a command line.
struct ReplayVerb: Sendable {
  /// The verb that lineages record.
  var recorded: String
  /// The words of the command.
  var words: [String]
  /// The names of the options that the verb records and the command has. Others cannot be replayed.
  var options: Set<String>
  /// The options that are notes, or follow from the verb.
  var ignored: Set<String> = []
  /// Returns the words for the inputs, given as paths in the order of the lineage.
  var arrange: @Sendable (Lineage.Step, [String]) throws(ReplayGap) -> [String]

  /// The options of every command that writes a checkpoint.
  private static let outputOptions: Set = [
    "compress", "sealed", "content-ids", "shard-size", "aliases", "companions", "key", "variant",
    Lineage.Option.selectName, Lineage.Option.namesName,
  ]

  /// All verbs that can be replayed, one line each.
  static let all: [ReplayVerb] = [
    convert, append, prune, mask, merge, extract, apply, add, negate, compressVector, rope, new,
  ]

  /// Returns the verb that a step records.
  /// - Throws: ``ReplayGap`` if this version has no such verb, or if the lineage does not have all of its inputs.
  static func of(_ step: Lineage.Step) throws(ReplayGap) -> ReplayVerb {
    if let verb = all.first(where: { $0.recorded == step.verb }) { return verb }
    guard Operations.all.contains(where: { $0.verb == step.verb }) else {
      throw ReplayGap("'\(step.verb.printable)' is not a command of this version of sumac")
    }
    throw ReplayGap(
      "the lineage does not record all inputs of \(step.verb), such as texts, recipes and settings")
  }

  /// Returns the words of the command of a step without its output, and the files that it needs.
  /// - Parameters:
  ///   - inputs: The paths of the inputs.
  ///   - number: The number of the step, which names files.
  func command(
    _ step: Lineage.Step, inputs: [String], number: Int
  ) throws(ReplayGap) -> (words: [String], files: [ReplayFile]) {
    guard inputs.count == step.inputs.count, !inputs.isEmpty || recorded == TrainNewOperation.verb
    else {
      throw ReplayGap("the lineage records no input of this step")
    }
    var result = try words + arrange(step, inputs)
    var files: [ReplayFile] = []
    for option in step.options where !ignored.contains(option.name) {
      guard options.contains(option.name) || Self.outputOptions.contains(option.name) else {
        throw ReplayGap(
          "'\(option.name.printable)' is not an option of \(words.joined(separator: " ")) in this version"
        )
      }
      switch option.name {
      // The default, which copies streams of .sumac inputs, is recorded like the option.
      case "compress" where option.value == Compression.fast.rawValue: break
      case Lineage.Option.namesName:
        let names = option.value.split(separator: "\n").map(String.init)
        files.append(ReplayFile(path: "names-\(number).txt", lines: names))
        result += ["--names-from", "names-\(number).txt"]
      case "coefficients":
        files.append(ReplayFile(path: "coefficients-\(number).json", lines: [option.value]))
        result += ["--coefficients", "coefficients-\(number).json"]
      default: result += option.words
      }
    }
    return (result, files)
  }

  // MARK: Verbs

  private static let storage: Set = [
    "dtype", "terms", "tensor-type", "sparse", "target-bpw", "target-size", "candidates",
    "saturate", "drop",
  ]

  private static let convert = ReplayVerb(
    recorded: "convert", words: ["convert"], options: storage, ignored: ["calibration"]
  ) { step, inputs throws(ReplayGap) in
    try inputs.prefix(1) + calibration(step, inputs.dropFirst(1))
  }

  private static let append = ReplayVerb(
    recorded: "append", words: ["convert"], options: storage, ignored: ["calibration"]
  ) { step, inputs throws(ReplayGap) in
    guard inputs.count >= 2 else { throw ReplayGap("the lineage has one input, expected two") }
    return try [inputs[1], "--append-to", inputs[0]] + calibration(step, inputs.dropFirst(2))
  }

  /// Returns the words for the statistics of a choice of types, the last input.
  private static func calibration(
    _ step: Lineage.Step, _ inputs: ArraySlice<String>
  ) throws(ReplayGap) -> [String] {
    let isCalibrated = step.options.contains { $0.name == "calibration" }
    guard inputs.count == (isCalibrated ? 1 : 0) else {
      throw ReplayGap(
        "the lineage has \(step.inputs.count) inputs, which is not the number of its options")
    }
    return inputs.flatMap { ["--calibration", $0] }
  }

  private static let pruning: Set = [
    "by", "p", "q", "eta", "gamma", "beta", "scope", "amount", "iterations", "pattern", "seed",
    "zeros-are-pruned",
  ]

  private static let prune = ReplayVerb(
    recorded: PruneOperation.verb, words: ["prune"], options: pruning
  ) { step, inputs throws(ReplayGap) in try pruned(step, inputs) }

  /// The masks that `prune --save-mask` writes beside its output.
  private static let mask = ReplayVerb(
    recorded: "prune mask", words: ["prune"], options: pruning
  ) { step, inputs throws(ReplayGap) in try pruned(step, inputs) }

  /// Returns the words for the input of a pruning, the norms of its inputs, its mask and its initial model.
  private static func pruned(
    _ step: Lineage.Step, _ inputs: [String]
  ) throws(ReplayGap) -> [String] {
    let options = Dictionary(
      step.options.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    var rest = inputs.dropFirst()
    var words = Array(inputs.prefix(1))
    if options["by"] == "wanda" {
      guard let norms = rest.popFirst() else {
        throw ReplayGap("the norms are not among the inputs")
      }
      words += ["--norms", norms]
    }
    switch (rest.count, options["zeros-are-pruned"]) {
    case (0, _): return words
    case (1, "true"): return words + rest.flatMap { ["--rewind", $0] }
    case (1, _):
      throw ReplayGap(
        "the lineage does not record whether \(rest.joined()) was the mask or the initial model")
    case (2, nil): return words + zip(["--mask", "--rewind"], rest).flatMap { [$0, $1] }
    default: throw ReplayGap("the lineage has \(inputs.count) inputs, more than prune has")
    }
  }

  /// A merge; its recipe is written to a file by ``Replay``, since those of intermediate models belong to it.
  private static let merge = ReplayVerb(
    recorded: MergeOperation.verb, words: ["merge"],
    options: ["seed", "scope", "coefficients", "unsafe-truncate-embeddings"], ignored: ["recipe"]
  ) { _, _ throws(ReplayGap) in
    // The lineage does not record the permission, and it changes nothing where none is needed.
    ["--allow-config-mismatch"]
  }

  private static let extract = ReplayVerb(
    recorded: VectorExtractOperation.verb, words: ["vector", "extract"],
    options: ["density", "rank", "type", "dtype", "exact"]
  ) { _, inputs throws(ReplayGap) in
    guard inputs.count == 2 else { throw ReplayGap("the lineage has one input, expected two") }
    return [inputs[0], "--base", inputs[1]]
  }

  private static let apply = ReplayVerb(
    recorded: VectorApplyOperation.verb, words: ["vector", "apply"], options: [],
    ignored: ["scale"]
  ) { step, inputs throws(ReplayGap) in
    let vectors = Array(inputs.dropFirst())
    return try vectors + ["--base", inputs[0]] + scales(step, vectors)
  }

  private static let add = ReplayVerb(
    recorded: VectorAddOperation.verb, words: ["vector", "add"], options: [], ignored: ["scale"]
  ) { step, inputs throws(ReplayGap) in try inputs + scales(step, inputs) }

  private static let negate = ReplayVerb(
    recorded: VectorNegateOperation.verb, words: ["vector", "negate"], options: [],
    ignored: ["scale"]
  ) { _, inputs throws(ReplayGap) in inputs }

  private static let compressVector = ReplayVerb(
    recorded: VectorCompressOperation.verb, words: ["vector", "compress"],
    options: ["density", "rank", "type"]
  ) { _, inputs throws(ReplayGap) in inputs }

  /// Returns the scales of vectors: one for all of them, or one for each path.
  private static func scales(
    _ step: Lineage.Step, _ vectors: [String]
  ) throws(ReplayGap) -> [String] {
    let scales = step.options.filter { $0.name == "scale" }.map(\.value)
    guard scales.count == vectors.count, let first = scales.first else {
      throw ReplayGap("the lineage has \(scales.count) scales for \(vectors.count) vectors")
    }
    if scales.allSatisfy({ $0 == first }) { return ["--scale=\(first)"] }
    guard Set(vectors).count == vectors.count else {
      throw ReplayGap("one vector has several scales")
    }
    return zip(vectors, scales).map { "--scale=\($0)=\($1)" }
  }

  private static let rope = ReplayVerb(
    recorded: RopeScaleOperation.verb, words: ["rope", "scale"],
    options: [
      "method", "factor", "context", "time", "beta-fast", "beta-slow", "attention-factor",
      "low-freq-factor", "high-freq-factor", "short-exact", "exact", "log-scale",
    ], ignored: ["note"]
  ) { step, inputs throws(ReplayGap) in
    if step.options.contains(Lineage.Option("method", "longrope")) {
      throw ReplayGap("the lineage does not record the factors of longrope")
    }
    return inputs
  }

  /// A new network, whose sizes are recorded, but not the content of a config.json.
  private static let new = ReplayVerb(
    recorded: TrainNewOperation.verb, words: ["train", "new"], options: ["arch", "seed"]
  ) { step, _ throws(ReplayGap) in
    let text = step.options.first { $0.name == "arch" }?.value ?? ""
    guard (try? ArchitectureSpec.configuration(text)) != nil else {
      throw ReplayGap("the lineage does not record the content of \(text.printable)")
    }
    return []
  }
}
