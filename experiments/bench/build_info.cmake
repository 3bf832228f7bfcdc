# Writes OUT with the build's identity; leaves it alone when nothing changed.
execute_process(
  COMMAND git -C ${SOURCE} describe --always --dirty --tags
  OUTPUT_VARIABLE DESCRIPTION OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET RESULT_VARIABLE FAILED)
if(FAILED OR DESCRIPTION STREQUAL "")
  set(DESCRIPTION unknown)
endif()
set(TEXT "#include \"experiments/bench/build_info.h\"

namespace quorate::bench {

const BuildInfo kBuildInfo = {.version = \"${VERSION}\",
                              .source = \"${DESCRIPTION}\",
                              .type = \"${BUILD_TYPE}\",
                              .compiler = \"${COMPILER}\"};

}  // namespace quorate::bench
")
set(OLD "")
if(EXISTS ${OUT})
  file(READ ${OUT} OLD)
endif()
if(NOT OLD STREQUAL TEXT)
  file(WRITE ${OUT} "${TEXT}")
endif()
