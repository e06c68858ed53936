import Base
import Models
import Networks
import Recipes
import Training

/// The settings of a sweep: a grid of sizes, shares, repeats and seeds, and a training that all of them have in common.
struct SweepRecipe: Sendable {
  /// A size of the family.
  struct Size: Sendable {
    var name: String
    /// The text of its config.json.
    var config: [UInt8]
    /// The file or the recipe, for messages.
    var path: String
  }

  let path: String
  /// Texts or tokens, as for a training.
  var data: [String] = []
  var test = ""
  /// The path of a tokenizer.json; nil for the one beside the recipe, if there is one.
  var tokenizer: String?
  var sizes: [Size] = []
  /// The number of tokens that a training predicts.
  var tokens = 0
  /// The shares of the data that repeat a subset.
  var shares: [Double] = []
  /// The numbers of times that each sequence of the subset occurs; 1 for data without repeats.
  var repeats: [Int] = []
  var seeds: [UInt64] = []
  /// True if each share has a control with the unique part of the data alone.
  var hasControls = true
  var training = TrainingRecipe(.epochs(1))
  /// The settings of the training as JSON.
  var trainingText = ""
  var probe = ProbeSettings()

  /// All members: those of a seed together, by size, data without repeats first and controls last.
  var members: [SweepMember] {
    var variants: [SweepVariant] = repeats.contains(1) ? [.unique] : []
    for share in shares {
      variants += repeats.filter { $0 > 1 }.map { .repeated(share: share, times: $0) }
    }
    if hasControls { variants += shares.map { .control(share: $0) } }
    return seeds.flatMap { seed in
      sizes.flatMap { size in
        variants.map { SweepMember(size: size.name, variant: $0, seed: seed) }
      }
    }
  }

  /// The largest number of members.
  private static let memberLimit = 10_000

  // MARK: Reading

  private static let keys = [
    "data", "test", "tokenizer", "model", "sizes", "tokens", "share", "repeats", "seeds",
    "control", "training", "probe",
  ]
  /// The keys of a training that a sweep sets.
  private static let ownTrainingKeys = ["epochs", "steps", "seed", "keep", "input"]

  /// Reads a YAML or JSON file.
  /// - Throws: All faults together, each with its line.
  init(_ path: String) throws {
    let value = try RecipeFile.read(path)
    self.path = path
    var fields = RecipeFields(value, "the sweep", keys: Self.keys, path: path)
    var faults: [any UserError] = []
    data = Self.texts("data", &fields) ?? []
    test = Self.text("test", &fields) ?? ""
    tokenizer = Self.text("tokenizer", &fields)
    tokens = fields.count("tokens") ?? 0
    shares =
      fields.shares("share", "shares above 0 and up to 1") { $0 > 0 && $0 <= 1 } ?? []
    repeats = fields.counts("repeats", from: 1) ?? []
    seeds = fields.counts("seeds", from: 0)?.map { UInt64($0) } ?? [0]
    hasControls = fields.flag("control") ?? true
    readProbe(&fields)
    for key in ["data", "test", "sizes", "tokens", "repeats", "training"] where fields[key] == nil {
      fields.report(fields.line, "the key \(key) is missing")
    }
    checkGrid(&fields)
    do { try readSizes(&fields) } catch let error as any UserError { faults.append(error) }
    do { try readTraining(&fields) } catch let error as SeveralErrors {
      faults += error.errors
    } catch let error as any UserError { faults.append(error) }
    try SeveralErrors.throwIfAny(fields.faults + faults)
    if tokens < training.window {
      throw FormatError(
        .recipe, "tokens is \(tokens), less than the window of \(training.window)", path: path)
    }
    guard members.count <= Self.memberLimit else {
      throw FormatError(
        .recipe, "\(members.count.grouped) trainings, expected at most \(Self.memberLimit.grouped)",
        path: path)
    }
  }

  private func checkGrid(_ fields: inout RecipeFields) {
    func isUnique<T: Hashable>(_ values: [T]) -> Bool { Set(values).count == values.count }
    for (key, isUnique) in [
      ("share", isUnique(shares)), ("repeats", isUnique(repeats)), ("seeds", isUnique(seeds)),
    ] where !isUnique {
      fields.report(fields[key]?.line ?? 0, "\(key) has a value twice")
    }
    if fields["share"] == nil, repeats.contains(where: { $0 > 1 }) {
      fields.report(fields.line, "the key share is missing, which repeats need")
    }
    if let value = fields["share"], hasControls, shares.contains(1) {
      fields.report(
        value.line, "a control has the unique part of the data, of which a share of 1 leaves none",
        hint: "set control to false")
    }
  }

  private mutating func readProbe(_ fields: inout RecipeFields) {
    guard var own = fields.fields("probe", keys: ["length", "sequences", "seed"]) else { return }
    probe.segmentLength = own.count("length", from: 2) ?? probe.segmentLength
    probe.sequenceCount = own.count("sequences") ?? probe.sequenceCount
    probe.seed = own.count("seed", from: 0).map { UInt64($0) } ?? probe.seed
    fields.add(own)
  }

  /// Reads the training, which has one epoch.
  private mutating func readTraining(_ fields: inout RecipeFields) throws {
    guard let value = fields["training"] else { return }
    guard let members = value.asMap else {
      fields.report(value.line, "training is \(value.kind), expected a map")
      return
    }
    for member in members where Self.ownTrainingKeys.contains(member.key) {
      fields.report(
        member.line, "\(member.key) does not apply: each training reads its data once",
        hint: "set tokens and seeds of the sweep")
    }
    let rest = members.filter { !Self.ownTrainingKeys.contains($0.key) }
    let once = RecipeValue.Member(key: "epochs", value: RecipeValue(.integer(1), line: value.line))
    training = try TrainingRecipe(RecipeValue(.map(rest + [once]), line: value.line), path: path)
    trainingText = RecipeValue(.map(rest)).json.serialized()
  }

  // MARK: Sizes

  private mutating func readSizes(_ fields: inout RecipeFields) throws {
    let common = fields["model"]
    if let common, common.asMap == nil {
      fields.report(common.line, "model is \(common.kind), expected a map as in config.json")
      return
    }
    guard let value = fields["sizes"] else { return }
    guard let members = value.asMap, !members.isEmpty else {
      fields.report(
        value.line, "sizes is \(value.kind), expected a map of names with settings or files")
      return
    }
    for member in members {
      guard Self.isName(member.key) else {
        fields.report(
          member.line, "'\(member.key.printable)' is not a name of letters, digits, _ and .")
        continue
      }
      if let file = member.value.asString {
        let config = try ModelConfigurationFile(path: file, code: .networkConfiguration)
        sizes.append(Size(name: member.key, config: config.text, path: file))
      } else if let own = member.value.asMap {
        var object = JSONObject((common?.asMap ?? []).map { ($0.key, $0.value.json) })
        for setting in own { object[setting.key] = setting.value.json }
        let text = JSONValue.object(object).serialized(indented: true) + "\n"
        sizes.append(Size(name: member.key, config: Array(text.utf8), path: path))
      } else {
        fields.report(
          member.value.line,
          "\(member.key) is \(member.value.kind), expected a map of settings or a config.json")
      }
    }
  }

  /// True for a text that is part of the name of a folder.
  private static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 64 && !text.hasPrefix(".")
      && text.utf8.allSatisfy { byte in
        [(0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A), (0x5F, 0x5F), (0x2E, 0x2E)].contains {
          ($0...$1).contains(Int(byte))
        }
      }
  }

  // MARK: Values

  private static func text(_ key: String, _ fields: inout RecipeFields) -> String? {
    guard let value = fields[key] else { return nil }
    guard let text = value.asString, !text.isEmpty else {
      fields.report(value.line, "\(key) is \(value.kind), expected a path")
      return nil
    }
    return text
  }

  /// Returns a list of texts; a single text is a list of one.
  private static func texts(_ key: String, _ fields: inout RecipeFields) -> [String]? {
    guard let value = fields[key] else { return nil }
    let list = value.asList ?? [value]
    let texts = list.compactMap(\.asString).filter { !$0.isEmpty }
    guard texts.count == list.count, !texts.isEmpty else {
      fields.report(value.line, "\(key) is \(value.kind), expected a path or a list of paths")
      return nil
    }
    return texts
  }
}
