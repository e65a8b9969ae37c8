# What -DENTC_PRESET=... means. Included by CMakeLists.txt before project(), so that it can still
# choose the build type. (CMakePresets.json would have to lie at the top of the tree, which holds
# only the agreed names.)
#
#   release   optimised, with line numbers (the default)
#   debug     for a debugger, and for valgrind
#   asan      AddressSanitizer with leak check, and UndefinedBehaviorSanitizer; any finding is fatal
#   tsan      ThreadSanitizer
#   fuzz      as asan, by clang, for the programs of tests/fuzz alone: libFuzzer drives them
#
# CMAKE_BUILD_TYPE and CMAKE_C_FLAGS given on the command line are kept; the preset adds to them.

set(ENTC_PRESET "release" CACHE STRING "release, debug, asan, tsan or fuzz")
set_property(CACHE ENTC_PRESET PROPERTY STRINGS release debug asan tsan fuzz)

set(ENTC_SANITIZE "")
if(ENTC_PRESET STREQUAL "release")
  set(ENTC_BUILD_TYPE RelWithDebInfo)
elseif(ENTC_PRESET STREQUAL "debug")
  set(ENTC_BUILD_TYPE Debug)
elseif(ENTC_PRESET STREQUAL "asan")
  set(ENTC_BUILD_TYPE Debug)
  set(ENTC_SANITIZE -fsanitize=address,undefined -fno-sanitize-recover=all -O1)
elseif(ENTC_PRESET STREQUAL "tsan")
  set(ENTC_BUILD_TYPE Debug)
  set(ENTC_SANITIZE -fsanitize=thread -O1)
elseif(ENTC_PRESET STREQUAL "fuzz")
  set(ENTC_BUILD_TYPE Debug)
  set(ENTC_SANITIZE -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -O1)
else()
  message(FATAL_ERROR "ENTC_PRESET is '${ENTC_PRESET}': choose release, debug, asan, tsan or fuzz")
endif()

# A build type that a preset chose may be changed by another preset; one that a person or an outer
# project chose stays.
if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR AND NOT CMAKE_CONFIGURATION_TYPES
   AND "${CMAKE_BUILD_TYPE}" STREQUAL "${ENTC_CHOSEN_BUILD_TYPE}")
  set(CMAKE_BUILD_TYPE ${ENTC_BUILD_TYPE} CACHE STRING "Build type" FORCE)
  set(ENTC_CHOSEN_BUILD_TYPE ${ENTC_BUILD_TYPE} CACHE INTERNAL "The build type that the preset chose")
endif()
