// TorchScript modules behind plain functions. tch has no way to a module's buffers, nor to set what it computes with.
// Whoever gets a text frees it.

#include <ATen/Version.h>
#include <torch/script.h>
#include <cstring>

using torch::jit::Module;

namespace {
// The error of what was done, or none.
template <typename F> char *caught(F &&act) {
    try {
        act();
        return nullptr;
    } catch (const c10::Error &error) {
        return strdup(error.what_without_backtrace());
    } catch (const std::exception &error) {
        return strdup(error.what());
    }
}

// The submodule that owns `path`, and the name there.
std::pair<Module, std::string> owner(const Module &module, const std::string &path) {
    Module at = module;
    size_t from = 0;
    for (size_t dot; (dot = path.find('.', from)) != std::string::npos; from = dot + 1)
        at = at.attr(path.substr(from, dot - from)).toModule();
    return {at, path.substr(from)};
}
} // namespace

extern "C" {

char *fedmpi_script_load(const char *bytes, size_t length, Module **into) {
    return caught([&] {
        std::istringstream stream(std::string(bytes, length));
        *into = new Module(torch::jit::load(stream, torch::kCPU));
    });
}

void fedmpi_script_free(Module *module) { delete module; }

// Tells the name of each parameter, then of each buffer, with a tensor that the listener owns.
char *fedmpi_script_tensors(Module *module, void *to, void (*tell)(void *, const char *, torch::Tensor *, bool)) {
    return caught([&] {
        for (const auto &named : module->named_parameters())
            tell(to, named.name.c_str(), new torch::Tensor(named.value), true);
        for (const auto &named : module->named_buffers())
            tell(to, named.name.c_str(), new torch::Tensor(named.value), false);
    });
}

char *fedmpi_script_set(Module *module, const char *path, torch::Tensor *tensor) {
    return caught([&] {
        auto [at, name] = owner(*module, path);
        at.setattr(name, *tensor);
    });
}

// Computes in training or as it is used; random numbers come from the seed.
char *fedmpi_script_forward(Module *module, torch::Tensor *input, bool training, uint64_t seed, torch::Tensor **output) {
    return caught([&] {
        module->train(training);
        if (training)
            torch::manual_seed(seed);
        // What is run must not depend on how often it ran before.
        torch::jit::setGraphExecutorOptimize(false);
        *output = new torch::Tensor(module->forward({*input}).toTensor());
    });
}

char *fedmpi_libtorch_about() { return strdup(at::show_config().c_str()); }
}
