import Base
import Checkpoints
import PyTorch
import Safetensors
import TensorCore
import TestSupport
import Testing

/// Files of torch 2.15 and the values that torch reads from them.
@Suite struct GoldenFileTests {
  static let valid = Fixtures.names(in: "pytorch/valid")

  @Test("every tensor that torch reads has the same name, dtype, shape and bytes", arguments: valid)
  func values(name: String) throws {
    let found = try PyTorchContainer.read(Fixtures.path("pytorch/valid/\(name)"))
    let wanted = try SafetensorsContainer.read(
      Fixtures.path("pytorch/expected/\(name).safetensors"))
    #expect(
      Set(found.tensors.map(\.name)) == Set(wanted.tensors.map(\.name)))
    #expect(found.tensors.count == wanted.tensors.count)
    let tensors = Dictionary(uniqueKeysWithValues: found.tensors.map { ($0.name, $0) })
    for tensor in wanted.tensors {
      let read = try #require(tensors[tensor.name])
      #expect(read.info.dtype == tensor.info.dtype)
      #expect(read.info.shape == tensor.info.shape)
      #expect(try read.bytes() == tensor.bytes())
    }
  }

  @Test("all golden files are there")
  func count() { #expect(Self.valid.count == 25) }

  @Test("a golden file is recognized by its content", arguments: valid)
  func recognition(name: String) throws {
    let input = try InputTree(path: Fixtures.path("pytorch/valid/\(name)"))
    #expect(PyTorchContainer.recognition(of: input) == .content)
  }

  @Test("tensors of one storage with the same place, shape and strides are aliases")
  func aliases() throws {
    let tied = try PyTorchContainer.read(Fixtures.path("pytorch/valid/tied.bin"))
    #expect(
      tied.tensors.filter { $0.aliasOf != nil }.map { [$0.name, $0.aliasOf] }
        == [["lm_head.weight", "model.embed_tokens.weight"]])
    let views = try PyTorchContainer.read(
      Fixtures.path("pytorch/valid/shared_storage_strided.pt"))
    #expect(views.tensors.allSatisfy { $0.aliasOf == nil })
  }

  @Test("plain values become metadata, and every class and function is listed")
  func metadata() throws {
    let checkpoint = try PyTorchContainer.read(Fixtures.path("pytorch/valid/nested_checkpoint.pt"))
    let metadata = Dictionary(
      uniqueKeysWithValues: checkpoint.metadata.map { ($0.key, $0.value) })
    #expect(metadata["epoch"] == .integer(7))
    #expect(metadata["lr"] == .number(0.0001))
    #expect(metadata["name"] == .string("тест"))
    #expect(metadata["big"] == .string("1180591620717411303424"))
    #expect(metadata["neg"] == .integer(-1_099_511_627_776))
    #expect(metadata["betas"] == .array([.number(0.9), .number(0.999)]))
    #expect(metadata["size"] == .array([.integer(3), .integer(4)]))
    #expect(metadata["dtype"] == .string("torch.bfloat16"))
    #expect(metadata["dev"] == .string("cpu"))
    #expect(metadata["bytes"] == .string("0x00ff"))
    #expect(metadata["flag"] == .boolean(true))
    #expect(metadata["inner.optimizer.param_groups.0.lr"] == .number(0.1))
    guard case .array(let globals)? = metadata[PyTorchFile.globalsKey] else {
      Issue.record("the list of globals is missing")
      return
    }
    #expect(globals.contains(.string("torch._utils._rebuild_tensor_v2")))
    #expect(globals.contains(.string("_codecs.encode")))
    #expect(globals.count == 8)
  }

  @Test("a hostile file is refused with the name that it would call", arguments: hostile)
  func hostileFile(name: String, code: String, text: String) throws {
    let error = #expect(throws: FormatError.self) {
      try PyTorchContainer.read(Fixtures.path("pytorch/malicious/\(name)"))
    }
    #expect(error?.code.description == code)
    #expect(error?.message.contains(text) == true, "\(error?.description ?? "")")
    #expect(error?.byteOffset != nil)
  }

  @Test("every hostile file has a test")
  func hostileCount() {
    #expect(Fixtures.names(in: "pytorch/malicious") == Self.hostile.map(\.0).sorted())
  }

  static let hostile: [(String, String, String)] = [
    ("build_setstate.pt", "pytorch.global", "'os.system'"),
    ("builtins_eval.pt", "pytorch.global", "'builtins.eval'"),
    ("builtins_exec.pt", "pytorch.global", "'builtins.exec'"),
    ("dotted_stack_global.pt", "pytorch.global", "'torch.serialization.os.system'"),
    ("dunder_builtin_eval_py2.pt", "pytorch.global", "'__builtin__.eval'"),
    ("ext_registry.pt", "pytorch.opcode", "extension registry"),
    ("first_object_evil_legacy.bin", "pytorch.global", "'os.system'"),
    ("getattr_chain.pt", "pytorch.global", "'builtins.getattr'"),
    ("global_lookalike_rebuild.pt", "pytorch.global", "'torch._utils._rebuild_tensor_v2 '"),
    ("import_via_importlib.pt", "pytorch.global", "'importlib.import_module'"),
    ("inst_opcode.pt", "pytorch.global", "'os.system'"),
    ("legacy_os_system.bin", "pytorch.global", "'os.system'"),
    ("nested_torch_load.pt", "pytorch.global", "'torch.serialization.load'"),
    ("newobj.pt", "pytorch.global", "'subprocess.Popen'"),
    ("newobj_ex.pt", "pytorch.global", "'subprocess.Popen'"),
    ("numpy_load.pt", "pytorch.global", "'numpy.load'"),
    ("obj_opcode.pt", "pytorch.global", "'os.system'"),
    ("ordereddict_reduce_with_evil_arg.pt", "pytorch.global", "'os.system'"),
    ("os_system.pt", "pytorch.global", "'os.system'"),
    ("posix_system.pt", "pytorch.global", "'posix.system'"),
    ("raw_pickle_os_system.bin", "pytorch.global", "'os.system'"),
    ("reduce_before_proto.pt", "pytorch.global", "'os.system'"),
    ("runpy.pt", "pytorch.global", "'runpy.run_path'"),
    ("stack_global_proto4.pt", "pytorch.global", "'os.system'"),
    ("subprocess_popen.pt", "pytorch.global", "'subprocess.Popen'"),
    ("torch_hub_load.pt", "pytorch.global", "'torch.hub.load'"),
    ("webbrowser.pt", "pytorch.global", "'webbrowser.open'"),
  ]
}
