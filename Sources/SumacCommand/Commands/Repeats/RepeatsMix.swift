import ArgumentParser
import Operations
import Repeats

struct RepeatsMix: Verb {
  static let configuration = CommandConfiguration(
    commandName: "mix",
    abstract: "Build tokens of which a chosen share are repeats.",
    discussion: """
      Cuts DATA into sequences of --length tokens and draws two sets of different ones: a subset that occurs \
      --times times and makes --share of the tokens, and others that occur once. All are put in random \
      order, which depends on --seed alone. Rows of tensors are sequences; other tokens are cut where they \
      are; texts are tokenized, joined and cut. OUT is a file of ids (.u16, .u32, .i32, .i64) or a tensor \
      (.npy, .safetensors and others). --manifest states the numbers, and which sequences were repeated.

      Examples:
        sumac repeats mix tokens.u16 --length 1024 --share 50% --times 128 --tokens 1e9 -o mixed.u16
        sumac repeats mix rows.npy --share 10% --times 100 --tokens 1e8 -o mixed.npy --manifest mixed.json
        sumac repeats mix corpus.jsonl --tokenizer tokenizer.json --length 512 --share 50% --times 32 \
      --tokens 1e6 -o mixed.u16
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: DataOutputFlags
  @OptionGroup(title: "Data") var flags: DataFlags

  @Option(help: ArgumentHelp("Share of the tokens that are repeats, such as 50%.", valueName: "p"))
  var share: ShareArgument

  @Option(help: ArgumentHelp("Number of times that a repeated sequence occurs.", valueName: "n"))
  var times: Int

  @Option(help: ArgumentHelp("Number of tokens of the output, such as 1e9.", valueName: "n"))
  var tokens: TokenCount

  @Option(
    help: ArgumentHelp("Tokens in a sequence. (default: the length of rows)", valueName: "n"))
  var length: Int?

  @Option(help: ArgumentHelp("Seed of the draws.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp("A tokenizer.json for texts.", valueName: "file"), completion: .file())
  var tokenizer: String?

  @Option(
    help: ArgumentHelp("Token to put after each text, such as '<|endoftext|>'.", valueName: "token")
  )
  var separator: String?

  @Option(
    help: ArgumentHelp("Write the numbers and the sequences as JSON.", valueName: "file"),
    completion: .file())
  var manifest: String?

  @Argument(help: "Token ids, texts, JSON lines, folders or archives.", completion: .file())
  var data: [String]

  /// A number of tokens, such as `1000000` or `1e6`.
  struct TokenCount: ExpressibleByArgument {
    var count: Int

    init?(argument: String) {
      guard let count = Int(argument) ?? Double(argument).flatMap({ Int(exactly: $0) }) else {
        return nil
      }
      self.count = count
    }
  }

  func run(_ invocation: Invocation) throws {
    try invocation.run(writer) {
      var settings = MixSettings(share: share.share, times: times, tokenCount: tokens.count)
      settings.length = length
      settings.seed = seed
      var operation = RepeatsMixOperation(
        data: flags.settings(data), settings: settings,
        output: writer.dryRun ? nil : writer.output)
      operation.tokenizer = tokenizer
      operation.separator = separator
      operation.manifest = manifest
      operation.replacesExisting = writer.force
      return operation
    }
  }
}
