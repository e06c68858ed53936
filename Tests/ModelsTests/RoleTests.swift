import Checkpoints
import Containers
import Models
import TensorCore
import TestSupport
import Testing

@Suite struct RoleTests {
  private func info(
    _ name: String, _ dimensions: [Int], _ dtype: DType = .bf16
  ) throws -> TensorInfo {
    try TensorInfo(name: name, dtype: dtype, shape: Shape(dimensions))
  }

  @Test("tensors of real models have the expected roles", arguments: ModelOfRoles.all)
  func architectures(model: ModelOfRoles) {
    let roles = TensorRole.roles(of: model.infos, configuration: model.configuration)
    for (info, (role, wanted)) in zip(model.infos, zip(roles, model.roles)) {
      #expect(role == wanted, "\(info.name) \(info.shape)")
    }
  }

  @Test("the table has at least 300 tensors, and no model has a tensor twice")
  func table() {
    #expect(ModelOfRoles.all.reduce(0) { $0 + $1.infos.count } >= 300)
    for model in ModelOfRoles.all {
      #expect(Set(model.infos.map(\.name)).count == model.infos.count, "\(model.name)")
    }
  }

  @Test("each rule decides the role of its own example", arguments: RoleRules.all.indices)
  func example(index: Int) throws {
    let example = RoleRules.all[index].example
    let infos =
      [try info(example.name, example.shape, example.dtype)]
      + (try example.beside.map { try info($0, [1], .f32) })
    let rule = try #require(RoleRules.rule(for: infos[0], in: RoleSurroundings(infos, nil)))
    #expect(rule.example.name == example.name && rule.example.dtype == example.dtype)
  }

  // MARK: Default scope

  @Test("a general option applies only to products, embeddings and factors of adapters")
  func scope() {
    for model in ModelOfRoles.all {
      for (info, role) in zip(model.infos, model.roles) {
        let exemption = role.exemption(info)
        switch role {
        case .matrix, .convolution, .experts, .adapter(.a), .adapter(.b):
          #expect(exemption == nil, "\(info.name)")
        case .embedding:
          #expect(exemption == nil || exemption == .vector, "\(info.name)")
        case .norm, .bias, .elementwise, .quantized, .buffer, .adapter(.scale), .unknown:
          #expect(exemption != nil, "\(info.name)")
        }
      }
    }
  }

  @Test(
    "each exempt tensor has a reason",
    arguments: [
      ("model.norm.weight", [64], DType.bf16, TensorRole.Exemption.norm),
      ("q_proj.bias", [64], .bf16, .bias), ("mixer.D", [64], .f32, .elementwise),
      ("rotary_emb.inv_freq", [64], .f32, .buffer), ("q_proj.qweight", [64, 64], .i32, .quantized),
      ("class_embedding", [64], .f32, .vector), ("mask_token", [1, 1, 64], .f32, .vector),
      ("conv.weight", [1, 1, 3], .f32, .vector), ("counts", [64, 64], .i64, .notFloat),
      ("spectrum", [64, 64], .c64, .notFloat), ("whatever", [64], .f32, .vector),
    ])
  func reasons(
    name: String, dimensions: [Int], dtype: DType, reason: TensorRole.Exemption
  ) throws {
    let info = try info(name, dimensions, dtype)
    #expect(TensorRole.roles(of: [info])[0].exemption(info) == reason)
  }

  @Test("a float matrix with any other name is in scope")
  func anyName() throws {
    var random = SeededGenerator(seed: 7)
    let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789_.ABCXYZé /")
    for dtype in [DType.f16, .bf16, .f32, .f64, .f8E4M3] {
      let infos = try (0..<400).map { number in
        let count = Int.random(in: 0..<24, using: &random)
        let name = String((0..<count).map { _ in letters.randomElement(using: &random) ?? "a" })
        let rank = Int.random(in: 2...5, using: &random)
        return try info(
          "\(name)q\(number)",
          (0..<rank).map { _ in Int.random(in: 2...70, using: &random) }, dtype)
      }
      for (info, role) in zip(infos, TensorRole.roles(of: infos)) {
        #expect(role != .unknown && role.exemption(info) == nil, "\(info.name) \(info.shape)")
      }
    }
  }

  @Test(
    "matrices with the names of projections are in scope, with or without the word weight",
    arguments: [
      "W", "w1", "layers.0.wq", "mlp.experts.gate_up_proj", "dense/kernel", "head", "proj.weight",
      "block.linear.w", "norm1.linear.weight", "time_embedding.linear_1.weight",
      "layer_norm_mlp.fc1_weight", "bias_net.0.weight", "scale_net.weight", "masked_conv.weight",
      "position_encoder.weight", "gamma", "scales", "biases", "codes", "zero",
    ])
  func projections(name: String) throws {
    for dimensions in [[64, 32], [1, 64], [64, 1], [4, 64, 32]] {
      let info = try info(name, dimensions)
      #expect(TensorRole.roles(of: [info])[0].exemption(info) == nil, "\(info.shape)")
    }
  }

  // MARK: Rows

  @Test(
    "a row holds the weights of one output",
    arguments: [
      (TensorRole.matrix(.last), [6, 4], 6, 4, 1), (.matrix(.first), [4, 6], 1, 4, 6),
      (.matrix(.first), [8, 3, 2], 1, 8, 6), (.matrix(.allButLast), [3, 2, 8], 1, 6, 8),
      (.convolution(.allButFirst), [8, 4, 3, 3], 8, 36, 1),
      (.convolution(.allButFirst), [8, 4, 3], 8, 12, 1),
      (.convolution(.allButLast), [3, 3, 4, 8], 1, 36, 8),
      (.experts(.last), [2, 6, 4], 12, 4, 1), (.experts(.beforeLast), [2, 4, 6], 2, 4, 6),
      (.embedding, [10, 4], 10, 4, 1), (.adapter(.a), [2, 4, 3, 3], 2, 36, 1),
      (.adapter(.b), [8, 2], 8, 2, 1), (.norm, [7], 1, 7, 1), (.unknown, [], 1, 1, 1),
      (.embedding, [1, 3, 4], 3, 4, 1), (.matrix(.last), [0, 4], 0, 4, 1),
    ])
  func rows(
    role: TensorRole, dimensions: [Int], outer: Int, length: Int, inner: Int
  ) throws {
    let rows = RowGeometry(role, try Shape(dimensions))
    #expect(rows.outer == outer && rows.length == length && rows.inner == inner)
    #expect(rows.count == outer * inner)
  }

  @Test("the rows contain every value once")
  func wholeRows() throws {
    for model in ModelOfRoles.all {
      for (info, role) in zip(model.infos, model.roles) {
        let rows = RowGeometry(role, info.shape)
        #expect(rows.count * rows.length == info.elementCount, "\(info.name)")
      }
    }
  }

  // MARK: Files

  @Test(
    "the models of the fixtures have no tensor with an unknown role",
    arguments: [
      "models/base", "models/poetry", "models/tech", "models/clex",
      "models/digits/conv.safetensors",
      "models/digits/mlp.safetensors", "merge/inputs/base", "merge/inputs/ft_b",
      "lora/plain/adapter_model.safetensors", "lora/embedding/adapter_model.safetensors",
    ])
  func fixtures(path: String) throws {
    let checkpoint = try Containers.read(Fixtures.path(path))
    let roles = TensorRole.roles(of: checkpoint)
    for (tensor, role) in zip(checkpoint.tensors, roles) {
      #expect(role != .unknown, "\(tensor.name)")
      let isApplied = role.exemption(tensor.info) == nil
      #expect(isApplied == (tensor.info.shape.dimensions.count > 1), "\(tensor.name)")
    }
  }

  @Test(
    "parts of stored quantizations are recognized in files of other programs",
    arguments: Fixtures.names(in: "golden/compressed-tensors", suffix: ".model.safetensors")
      .map { "golden/compressed-tensors/" + $0 } + ["golden/mlx/quantized.safetensors"])
  func quantized(path: String) throws {
    let checkpoint = try Containers.read(Fixtures.path(path))
    for (tensor, role) in zip(checkpoint.tensors, TensorRole.roles(of: checkpoint)) {
      let isPlain = ["embed.weight", "lm_head.weight", "bias"].contains {
        tensor.name.hasSuffix($0)
      }
      if case .quantized(let part) = role {
        #expect(!isPlain, "\(tensor.name)")
        #expect(
          (part == .codes) == ["weight", "weight_packed"].contains { tensor.name.hasSuffix($0) })
      } else {
        #expect(isPlain, "\(tensor.name)")
      }
    }
  }
}
