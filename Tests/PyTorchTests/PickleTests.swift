import Base
import Checkpoints
import PyTorch
import TensorCore
import TestSupport
import Testing

/// Tests of the limits of pickles: content, nesting and time.
@Suite struct PickleTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let values: [Float] = [0, 1, 2, 3, 4, 5]
  private static let tensor = Pickle.tensor(count: 6, size: [2, 3], strides: [3, 1])

  private func read(
    _ value: [UInt8], key: String? = nil, others: [(name: String, bytes: [UInt8])] = []
  ) throws -> Checkpoint {
    let name = Digest.sha256(value) + ".pt"
    let path = folder[name]
    if !folder.exists(name) {
      try TorchArchive(
        pickle: Pickle.whole(value), storages: [Self.values.littleEndianBytes], others: others
      ).write(to: path)
    }
    return try PyTorchContainer.read(InputTree(path: path), key: key)
  }

  private func names(_ value: [UInt8], key: String? = nil) throws -> [String] {
    try read(value, key: key).tensors.map(\.name)
  }

  private func code(_ value: [UInt8], key: String? = nil) -> String? {
    do {
      for tensor in try read(value, key: key).tensors { _ = try tensor.bytes() }
      return nil
    } catch let error as FormatError { return error.code.description } catch { return "\(error)" }
  }

  // MARK: Globals

  @Test(
    "names that could do harm are refused",
    arguments: [
      ("os", "system"), ("nt", "system"), ("commands", "getoutput"), ("shutil", "rmtree"),
      ("builtins", "getattr"), ("builtins", "__import__"), ("builtins", "open"),
      ("__builtin__", "execfile"), ("functools", "partial"), ("operator", "attrgetter"),
      ("collections", "namedtuple"), ("_codecs", "decode"), ("copyreg", "add_extension"),
      ("torch", "load"), ("torch.serialization", "load"), ("torch.hub", "load"),
      ("torch.hub", "HubLoader"), ("torch.jit", "ScriptModule"),
      ("torch.package", "PackageImporter"),
      ("torch.storage", "_load_from_bytes"), ("torch._utils", "_rebuild_tensor_v9"),
      ("torch", "FloaxStorage"), ("torch.cuda", "HalffStorage"), ("torch", "Foo"),
      ("torch.nn.functional", "load"), ("torch.nn.functional.os", "system"),
      ("torch", "float33"), ("numpy", "load"), ("numpy.f2py", "compile"), ("numpy", "fromfile"),
      ("numpy.core.multiarray", "load"), ("pip", "main"), ("pip._internal", "main"),
      ("setuptools", "setup"), ("IPython", "Foo"), ("dill", "Foo"), ("joblib", "Memory"),
      ("cloudpickle", "Foo"), ("Torch._utils", "_rebuild_tensor_v2"), ("OS", "Foo"),
      ("mypackage", "system"), ("mypackage", "eval"), ("mypackage", "__import__"),
      ("collections ", "OrderedDict"), ("collections", "OrderedDict "),
      ("соllections", "OrderedDict"),
      ("torch..nn", "Foo"), ("", "Foo"), ("mypackage", ""), ("mypackage", "A.B"), (".os", "Foo"),
    ])
  func refusedNames(module: String, name: String) throws {
    let value = Pickle.dict([("w", Self.tensor), ("x", Pickle.global(module, name))])
    #expect(code(value) == "pytorch.global")
  }

  @Test(
    "plain types and classes of other packages are records that are listed",
    arguments: [
      ("datetime", "datetime"), ("pathlib", "PosixPath"), ("argparse", "Namespace"),
      ("collections", "deque"), ("types", "SimpleNamespace"), ("mypackage.models", "Net"),
      ("__main__", "Config"), ("numpy", "dtype"), ("numpy._core.multiarray", "scalar"),
      ("torch.nn.modules.linear", "Linear"), ("torch", "Size"), ("torch", "bfloat16"),
      ("torch.nn.functional", "relu"), ("__torch__.___torch_mangle_1.Net", "Net"),
    ])
  func admittedNames(module: String, name: String) throws {
    let checkpoint = try read(
      Pickle.dict([("w", Self.tensor), ("x", Pickle.global(module, name))]))
    #expect(checkpoint.tensors.map(\.name) == ["w"])
    let globals = checkpoint.metadata.first { $0.key == PyTorchFile.globalsKey }?.value
    #expect(globals?.text.contains("\"\(module).\(name)\"") == true)
  }

  @Test("functions that may be named may not be called")
  func calls() {
    let call = Pickle.call("torch.nn.functional", "relu", [Self.tensor])
    #expect(code(Pickle.dict([("w", call)])) == "pytorch.global")
    #expect(
      code(Pickle.dict([("w", Self.tensor + Pickle.emptyTuple + Pickle.reduce)]))
        == "pytorch.arguments")
  }

  @Test("outside objects that are not storages are refused")
  func persistentIDs() {
    let other = Pickle.tuple([Pickle.text("file"), Pickle.text("/etc/passwd")]) + [0x51]
    #expect(code(Pickle.dict([("w", Self.tensor), ("x", other)])) == "pytorch.persistent-id")
    #expect(code(Pickle.text("0") + [0x51]) == "pytorch.persistent-id")
    #expect(code(Array("P0\n".utf8)) == "pytorch.persistent-id")
    #expect(code([0x97]) == "pytorch.opcode")
  }

  @Test("a storage key cannot lead to another member")
  func keys() {
    for key in ["../data.pkl", "0/../0", "", "a\\b"] {
      let tensor = Pickle.tensor(key: key, count: 6, size: [6], strides: [1])
      #expect(code(Pickle.dict([("w", tensor)])) == "pytorch.storage")
    }
  }

  // MARK: Names

  @Test("attributes of modules give names without the names of their dictionaries")
  func modules() throws {
    let linear = Pickle.object(
      "torch.nn.modules.linear", "Linear",
      state: Pickle.dict([
        ("training", Pickle.yes), ("_parameters", Pickle.dict([("weight", Self.tensor)])),
        ("_buffers", Pickle.emptyDict), ("_modules", Pickle.emptyDict),
      ]))
    let net = Pickle.object(
      "__main__", "Net",
      state: Pickle.dict([
        ("_parameters", Pickle.dict([("scale", Self.tensor)])),
        ("_modules", Pickle.dict([("fc", linear)])),
      ]))
    #expect(try names(net) == ["scale", "fc.weight"])
    #expect(try names(net, key: "fc") == ["weight"])
    #expect(try read(net).notes.contains { $0.contains("__main__.Net") })
  }

  @Test("an unmistakable dictionary of weights is read alone, and the note says so")
  func wrapper() throws {
    let weights = Pickle.dict([("w", Self.tensor)])
    let optimizer = Pickle.dict([("state", Pickle.dict([("m", Self.tensor)]))])
    let file = Pickle.dict([
      ("epoch", Pickle.integer(3)), ("state_dict", weights), ("optimizer", optimizer),
    ])
    let checkpoint = try read(file)
    #expect(checkpoint.tensors.map(\.name) == ["w"])
    #expect(checkpoint.notes.first?.contains("'optimizer' with 1 tensor") == true)
    #expect(checkpoint.metadata.contains { $0.key == "epoch" && $0.value == .integer(3) })
    #expect(try names(file, key: "") == ["state_dict.w", "optimizer.state.m"])
    #expect(try names(file, key: "optimizer.state") == ["m"])
    #expect(try names(file, key: "optimizer.state.m") == ["optimizer.state.m"])
    #expect(code(file, key: "model") == "pytorch.key")
    #expect(code(file, key: "epoch") == "pytorch.no-tensors")
    let other = Pickle.dict([("state_dict", weights), ("discriminator", weights)])
    #expect(try names(other) == ["state_dict.w", "discriminator.w"])
    let two = Pickle.dict([("model", weights), ("ema", weights)])
    #expect(try names(two) == ["model.w", "ema.w"])
    let nested = Pickle.dict([("model", Pickle.dict([("state_dict", weights)]))])
    #expect(try names(nested) == ["w"])
  }

  @Test("two tensors with one name are refused unless a part is read")
  func duplicates() throws {
    let value = Pickle.dict([
      ("a.b", Self.tensor), ("a", Pickle.dict([("b", Self.tensor)])),
    ])
    #expect(code(value) == "pytorch.name")
    #expect(try names(value, key: "a") == ["b"])
    let long = Pickle.dict([(String(repeating: "x", count: 5000), Self.tensor)])
    #expect(code(long) == "pytorch.name")
  }

  @Test("key-value caches of transformers have names with layers")
  func caches() throws {
    let layer = Pickle.object(
      "transformers.cache_utils", "DynamicLayer",
      state: Pickle.dict([
        ("keys", Self.tensor), ("values", Self.tensor), ("is_initialized", Pickle.yes),
      ]))
    let cache = Pickle.object(
      "transformers.cache_utils", "DynamicCache",
      state: Pickle.dict([("layers", Pickle.list([layer])), ("offloading", Pickle.no)]))
    #expect(try names(cache) == ["layers.0.keys", "layers.0.values"])
    let older = Pickle.object(
      "transformers.cache_utils", "DynamicCache",
      state: Pickle.dict([
        ("key_cache", Pickle.list([Self.tensor])), ("value_cache", Pickle.list([Self.tensor])),
      ]))
    #expect(try names(older) == ["key_cache.0", "value_cache.0"])
    let pairs = Pickle.tuple([Pickle.tuple([Self.tensor, Self.tensor])])
    #expect(try names(pairs) == ["0.0", "0.1"])
  }

  // MARK: Limits

  @Test("containers that contain themselves give each tensor one name")
  func cycles() throws {
    let list =
      Pickle.emptyList + Pickle.memoize + Pickle.mark + Pickle.get(0) + Self.tensor
      + Pickle.appends
    #expect(try names(list) == ["1"])
  }

  @Test("containers that share each other exponentially often are refused")
  func laughs() {
    var value = Pickle.list([Self.tensor]) + Pickle.memoize
    for level in 0..<12 {
      value += Pickle.list(Array(repeating: Pickle.get(level), count: 10)) + Pickle.memoize
    }
    // Only the last list is the value of the pickle.
    #expect(code(Pickle.tuple([value])) == "pytorch.nesting")
  }

  @Test("100,000 levels of nesting cost no stack", arguments: ["list", "dict", "object"])
  func depth(kind: String) {
    let depth = 100_000
    let level: (open: [UInt8], close: [UInt8]) =
      switch kind {
      case "list": (Pickle.emptyList, [0x61])
      case "dict": (Pickle.emptyDict + Pickle.text(""), [0x73])
      default: (Pickle.global("a", "B") + Pickle.emptyTuple + Pickle.newObject, Pickle.build)
      }
    let value =
      Array(repeatElement(level.open, count: depth).joined()) + Self.tensor
      + Array(repeatElement(level.close, count: depth).joined())
    // Objects do not make names longer.
    #expect(code(value) == (kind == "object" ? nil : "pytorch.name"))
    let empty =
      Array(repeatElement(level.open, count: depth).joined()) + Pickle.none
      + Array(repeatElement(level.close, count: depth).joined())
    #expect(code(empty) == "pytorch.no-tensors")
  }

  @Test("many stored values need little memory")
  func storedValues() {
    var value = Pickle.emptyDict
    for index in 0..<60_000 {
      let number = UInt32(truncatingIfNeeded: index * 977)
      value += [0x72] + (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    #expect(code(value) == "pytorch.no-tensors")
  }

  @Test("copies of a long list are refused before they need more memory than the file")
  func copies() {
    let pairs = Array(repeating: Pickle.tuple([Pickle.none, Pickle.none]), count: 2000)
    var value = Pickle.list(pairs) + Pickle.memoize
    for _ in 0..<2000 {
      value += Pickle.global("collections", "OrderedDict") + Pickle.get(0) + [0x85, 0x52]
    }
    #expect(code(Pickle.tuple([value])) == "pytorch.nesting")
  }

  @Test("integers of any length become text")
  func integers() throws {
    let bytes: [UInt8] = Array(repeating: 0xFF, count: 16) + [0x7F]
    let value = Pickle.dict([
      ("w", Self.tensor), ("large", [0x8A, 17] + bytes),
      ("least", [0x8A, 9] + Array(repeating: 0, count: 8) + [0x80]),
      ("small", [0x8A, 1, 0xFE]), ("zero", [0x8A, 0]), ("line", Array("L12L\n".utf8)),
      ("truth", Array("I01\n".utf8)), ("float", Array("F1.5\n".utf8)),
      ("text", Array("S'a\\n\\x41'\n".utf8)), ("unicode", Array("V\\u0416x\n".utf8)),
    ])
    let metadata = Dictionary(
      uniqueKeysWithValues: try read(value).metadata.map { ($0.key, $0.value) })
    // 2^135 - 1 and -2^71, as Python prints them.
    #expect(metadata["large"] == .string("43556142965880123323311949751266331066367"))
    #expect(metadata["least"] == .string("-2361183241434822606848"))
    #expect(metadata["small"] == .integer(-2))
    #expect(metadata["zero"] == .integer(0))
    #expect(metadata["line"] == .integer(12))
    #expect(metadata["truth"] == .boolean(true))
    #expect(metadata["float"] == .number(1.5))
    #expect(metadata["text"] == .string("a\nA"))
    #expect(metadata["unicode"] == .string("Жx"))
  }

  @Test("every cut of a file and every changed byte ends in values or an error")
  func mutations() throws {
    let bytes = try Fixtures.bytes("pytorch/valid/nested_checkpoint.pt")
    var random = SeededGenerator(seed: 3)
    for index in 0..<400 {
      var changed = bytes
      if index % 4 == 0 {
        changed.removeLast(Int.random(in: 1..<bytes.count, using: &random))
      } else {
        for _ in 0..<3 {
          changed[Int.random(in: 0..<1000, using: &random)] = UInt8.random(
            in: 0...255, using: &random)
        }
      }
      try folder.write(changed, to: "mutated.pt")
      do {
        for tensor in try PyTorchContainer.read(folder["mutated.pt"]).tensors {
          _ = try tensor.bytes()
        }
      } catch { #expect(error is any UserError) }
    }
  }
}
