// Answers: how is [wan] read, where a number or a word is not enough?
#pragma once

#include "replica/config/setting_form.h"

namespace quorate {

extern const SettingForm kWanJitter;

}  // namespace quorate
