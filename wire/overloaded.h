// Answers: how is a variant visited with one lambda an alternative?
#pragma once

namespace quorate {

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace quorate
