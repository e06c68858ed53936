import Base
import Checkpoints
import Recipes
import TensorCore
import Training

/// The layers of a checkpoint that are masked, with the sparsity of each.
struct SparclLayers {
  struct Layer {
    var tensor: LazyTensor
    var sparsity: Double
  }

  private(set) var tensors: [Layer] = []
  private(set) var errors: [any UserError] = []
  private let path: String
  /// The shapes of all tensors of the checkpoint.
  private let shapes: [String: Shape]

  /// - Parameters:
  ///   - sparsity: The sparsity of layers without one in the profile.
  ///   - profile: The path of a YAML file with `prune_ratios`, whose layers alone are masked.
  ///   - selection: By default, all float tensors with two dimensions or more.
  init(
    _ checkpoint: Checkpoint, sparsity: Double?, profile: String?, _ selection: Selection
  ) throws {
    path = checkpoint.path
    shapes = Dictionary(
      checkpoint.tensors.map { ($0.name, $0.info.shape) }, uniquingKeysWith: { first, _ in first })
    let ratios = try profile.map(Self.ratios)
    func check(_ share: Double, _ place: Message) {
      guard share > 0, share < 1 else {
        errors.append(
          UsageError("\(place) is \(share), expected a share between 0 and 1, both excluded"))
        return
      }
    }
    if let sparsity { check(sparsity, "\(setting: "sparsity")") }
    if profile != nil {
      errors += Self.faults(besideProfile: selection, sparsity: sparsity)
    } else {
      errors += selection.errors(for: checkpoint)
    }
    if sparsity == nil, profile == nil {
      errors.append(
        UsageError("the sparsity is missing", hint: "use \(setting: "sparsity") 90%, or a profile"))
    }
    for (name, ratio) in ratios ?? [] {
      check(ratio, "\((profile ?? "").printable): the ratio of \(name.printable)")
      if !checkpoint.tensors.contains(where: { $0.name == name }) {
        errors.append(
          UsageError(
            "\(profile?.printable ?? "") names \(name.printable), which \(path.printable) does not have"
          ))
      }
    }
    for tensor in checkpoint.tensors where tensor.fault == nil {
      let ratio = ratios?.first { $0.name == tensor.name }?.ratio
      let isChosen =
        ratios == nil
        ? selection.contains(tensor.name)
          && (selection.includesByName || tensor.info.shape.dimensions.count > 1)
        : ratio != nil
      guard isChosen else { continue }
      guard tensor.info.dtype.isPlainFloat else {
        if ratio != nil || selection.includesByName {
          errors.append(
            FormatError(
              .trainingData, "has the dtype \(tensor.info.dtype.name), expected floats", path: path,
              tensor: tensor.name))
        }
        continue
      }
      tensors.append(Layer(tensor: tensor, sparsity: ratio ?? sparsity ?? 0.5))
    }
    if tensors.isEmpty, errors.isEmpty {
      errors.append(
        UsageError(
          "no tensor of \(path.printable) is selected",
          hint: "list the tensors with: \(command: "inspect \(path.printable)")"))
    }
  }

  /// Returns the errors of files that lack a tensor of a layer, or have one of another shape.
  func faults(of files: [Checkpoint]) -> [any UserError] {
    files.flatMap { file in
      tensors.compactMap { layer -> (any UserError)? in
        guard let found = file.tensors.first(where: { $0.name == layer.tensor.name }) else {
          return FormatError(
            .trainingData, "is missing, but \(path.printable) has it", path: file.path,
            tensor: layer.tensor.name)
        }
        guard found.info.shape == layer.tensor.info.shape, found.info.dtype.isPlainFloat else {
          return FormatError(
            .trainingData,
            "is \(found.info.dtype.name) \(found.info.shape.dimensions), expected floats "
              + "\(layer.tensor.info.shape.dimensions)", path: file.path, tensor: found.name)
        }
        return nil
      }
    }
  }

  /// Returns the errors of settings that have no effect beside a profile.
  private static func faults(
    besideProfile selection: Selection, sparsity: Double?
  ) -> [any UserError] {
    var names: [String] = []
    if sparsity != nil { names.append("sparsity") }
    for rule in selection.rules {
      switch rule {
      case .include: names.append("include")
      case .exclude: names.append("exclude")
      }
    }
    if selection.names != nil { names.append("names-from") }
    return Set(names).sorted().map { name in
      UsageError(
        "\(setting: name) has no effect beside \(setting: "profile"), which has the layers and their shares"
      )
    }
  }

  /// Returns the errors of masks that belong to no tensor of the checkpoint, or have another shape than theirs.
  func faults(ofMasks file: Checkpoint) -> [any UserError] {
    file.tensors.compactMap { mask -> (any UserError)? in
      guard let shape = shapes[mask.name] else {
        return FormatError(
          .trainingData, "is a mask of no tensor of \(path.printable)", path: file.path,
          tensor: mask.name)
      }
      guard shape == mask.info.shape, mask.info.dtype.bitsPerElement >= 8 else {
        return FormatError(
          .trainingData,
          "is a mask of \(mask.info.dtype.name) \(mask.info.shape), expected bytes \(shape)",
          path: file.path, tensor: mask.name)
      }
      return nil
    }
  }

  /// Returns the errors of lists of places that belong to no layer, are not whole numbers, or are longer than a layer.
  func faults(ofPlaces file: Checkpoint) -> [any UserError] {
    file.tensors.compactMap { places -> (any UserError)? in
      guard let layer = tensors.first(where: { $0.tensor.name == places.name }) else {
        return FormatError(
          .trainingData, "has places for no layer of \(path.printable)", path: file.path,
          tensor: places.name)
      }
      guard DataTensor.isInteger(places.info.dtype),
        places.info.elementCount <= layer.tensor.info.elementCount
      else {
        return FormatError(
          .trainingData,
          "is \(places.info.dtype.name) \(places.info.shape), expected integers, at most one for each of "
            + "\(layer.tensor.info.elementCount) weights", path: file.path, tensor: places.name)
      }
      return nil
    }
  }

  /// Returns the errors of the factor of a gradient: without the gradient it has no effect.
  static func faults(
    ofFactor factor: Double?, _ name: String, of gradient: String?, _ gradientName: String
  ) -> [any UserError] {
    guard let factor else { return [] }
    if gradient == nil {
      return [
        UsageError("\(setting: name) has no effect without \(setting: gradientName)")
      ]
    }
    guard factor >= 0, factor.isFinite else {
      return [UsageError("\(setting: name) is \(factor), expected 0 or more")]
    }
    return []
  }

  /// Returns the ratios of a profile.
  private static func ratios(_ path: String) throws -> [(name: String, ratio: Double)] {
    let value = try RecipeFile.read(path)
    guard let members = value.asMap?.first(where: { $0.key == "prune_ratios" })?.value.asMap,
      !members.isEmpty
    else {
      throw FormatError(
        .recipe, "names no layer, expected prune_ratios with a share for each", path: path)
    }
    return try members.map { member in
      guard let ratio = member.value.asNumber else {
        throw FormatError(
          .recipe,
          "line \(member.line): the ratio of \(member.key.printable) is \(member.value.kind), expected a number",
          path: path)
      }
      return (member.key, ratio)
    }
  }
}
