import ArgumentParser
import Base
import Operations

/// `batch VERB` for a verb with one input: the options of the verb, and any number of inputs.
struct BatchOf<Command: BatchableVerb>: Verb {
  static var configuration: CommandConfiguration { .batch(of: Command.self) }

  @OptionGroup var command: Command
  @OptionGroup(title: "Batch") var nameFlag: BatchNameFlag
  @OptionGroup(title: "Batch") var listFlags: Command.ListFlags
  @OptionGroup(title: "Batch") var flags: BatchFlags

  @Argument(
    help: ArgumentHelp("More inputs: files, model folders, folders of models, or patterns."),
    completion: .file())
  var others: [String] = []

  var global: GlobalOptions { command.global }

  func run(_ invocation: Invocation) throws {
    try invocation.run(
      command, others: others, name: nameFlag.name, list: listFlags.list, flags)
  }
}

/// `batch VERB` for a verb that has a list of inputs itself.
struct BatchOfList<Command: BatchableVerb>: Verb {
  static var configuration: CommandConfiguration { .batch(of: Command.self) }

  @OptionGroup var command: Command
  @OptionGroup(title: "Batch") var nameFlag: BatchNameFlag
  @OptionGroup(title: "Batch") var listFlags: Command.ListFlags
  @OptionGroup(title: "Batch") var flags: BatchFlags

  var global: GlobalOptions { command.global }

  func run(_ invocation: Invocation) throws {
    try invocation.run(command, others: [], name: nameFlag.name, list: listFlags.list, flags)
  }
}

extension CommandConfiguration {
  /// The configuration of `batch VERB`.
  fileprivate static func batch(of command: any BatchableVerb.Type) -> CommandConfiguration {
    let name = BatchCommands.verb(of: command)
    return CommandConfiguration(
      commandName: name.split(separator: " ").last.map(String.init) ?? name,
      abstract: "Run \(name) on many models.",
      usage: "sumac batch \(name) [<options>] <input> ... -o <folder>",
      discussion: """
        Inputs are files, model folders, folders of models, and patterns that the shell did not \
        expand. All options of \(name) apply to every model. The outputs are in the folder of -o, with \
        a journal: the same command again skips what is done and redoes what changed.

        See also: sumac batch --help, sumac \(name) --help
        """)
  }
}

extension Invocation {
  /// Runs a verb on all inputs.
  fileprivate func run(
    _ command: some BatchableVerb, others: [String], name: String?, list: String?,
    _ flags: BatchFlags
  ) throws {
    let output = try command.batchOutput
    try run(output) {
      if list == CommandLineWords.listWord {
        throw UsageError("the option that names a list of inputs has no value")
      }
      guard let folder = output.folder else {
        throw UsageError("a batch needs an output folder", hint: "name it with -o")
      }
      let step = try command.batchOperation(self)
      let inputs = (step.inputPaths + others).filter { $0 != CommandLineWords.listWord }
      var batch = BatchOperation(
        folder: folder, models: inputs.map { BatchModel(path: $0) }, steps: [BatchStep(step)])
      batch.list = list
      batch.name = name
      batch.resumes = !flags.startsOver
      batch.stopsAtFailure = flags.failFast
      batch.page = flags.report
      batch.replacesExisting = output.replacesExisting
      return batch
    }
  }
}
