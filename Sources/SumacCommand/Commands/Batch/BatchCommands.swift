import ArgumentParser
import Base
import Operations

/// The verbs that a batch can run, and the parser of the steps of a file.
enum BatchCommands {
  /// Each verb with its command, one line each.
  private static var all: [(verb: String, command: any BatchableVerb.Type)] {
    [
      ("convert", Convert.self),
      ("prune", Prune.self),
      ("vector extract", VectorExtract.self),
      ("vector apply", VectorApply.self),
      ("vector negate", VectorNegate.self),
      ("vector compress", VectorCompress.self),
      ("rope scale", RopeScale.self),
      ("cache pack", CachePack.self),
      ("cache unpack", CacheUnpack.self),
      ("cache convert", CacheConvert.self),
      ("inspect", Inspect.self),
      ("verify", Verify.self),
    ]
  }

  static var verbs: [String] { all.map(\.verb) }

  /// Returns the verb of a command, such as `rope scale`.
  static func verb(of command: any BatchableVerb.Type) -> String {
    all.first { $0.command == command }?.verb ?? ""
  }

  /// Returns the command of a verb; nil if a batch cannot run it.
  static func command(_ verb: String) -> (any BatchableVerb.Type)? {
    all.first { $0.verb == verb }?.command
  }

  /// Returns the batchable verb that the words of a command line begin with; nil if there is none.
  static func verb(startOf words: [String]) -> String? {
    verbs.first { words.starts(with: $0.split(separator: " ").map(String.init)) }
  }
}

/// The parser of steps that uses the command of each verb.
struct BatchStepCommands: BatchStepParser {
  let invocation: Invocation

  /// Options that concern the batch as a whole, which steps do not have.
  private static let reserved: Set<String> = [
    "output", "force", "dry-run", "format", "json", "quiet", "verbose", "color", "progress", "jobs",
    "memory", "tmpdir", "key", "variant", "help", "help-hidden", "version", "config-only",
    "survey-out", "sweep", "against",
  ]

  var verbs: [String] { BatchCommands.verbs }

  func options(of verb: String) -> [String: Bool] {
    guard let command = BatchCommands.command(verb),
      let help = try? JSONValue.parse(Array(command._dumpHelp().utf8).span),
      let arguments = help["command"]?["arguments"]?.asArray
    else { return [:] }
    var options: [String: Bool] = [:]
    for argument in arguments {
      guard let kind = argument["kind"]?.asString, kind != "positional" else { continue }
      for name in argument["names"]?.asArray ?? [] {
        guard name["kind"]?.asString == "long", let text = name["name"]?.asString,
          !Self.reserved.contains(text)
        else { continue }
        options[text] = kind == "flag"
      }
    }
    return options
  }

  func operation(_ verb: String, words: [String]) throws -> any BatchableOperation {
    guard let command = BatchCommands.command(verb) else {
      throw UsageError("a batch cannot run '\(verb.printable)'")
    }
    // The batch replaces these paths by those of each model.
    let original = verb == VerifyOperation.verb ? ["--against=original"] : []
    return try operation(command, words: words + original + ["--output=output", "input"])
  }

  private func operation<Command: BatchableVerb>(
    _ type: Command.Type, words: [String]
  ) throws -> any BatchableOperation {
    let command: Command
    do { command = try Command.parse(words) } catch {
      let text = Command.message(for: error)
      throw UsageError(text.split(separator: "\n").first.map(String.init) ?? text)
    }
    var invocation = invocation
    invocation.arguments = words
    return try command.batchOperation(invocation)
  }
}
